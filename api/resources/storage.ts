import type * as storage from '../generated/storage-v1.js';
import { define } from './define.js';

export const storageClasses = define<storage.StorageClass>('storage/v1', 'cluster', 'StorageClass', {
  plural: 'storageclasses',
  shortNames: ['sc'],
});
export const volumeAttachments = define<storage.VolumeAttachment>(
  'storage/v1',
  'cluster',
  'VolumeAttachment',
  { plural: 'volumeattachments', subresources: ['status'] },
);
export const csiDrivers = define<storage.CSIDriver>('storage/v1', 'cluster', 'CSIDriver', {
  plural: 'csidrivers',
});
export const csiNodes = define<storage.CSINode>('storage/v1', 'cluster', 'CSINode', { plural: 'csinodes' });
export const csiStorageCapacities = define<storage.CSIStorageCapacity>(
  'storage/v1',
  'namespaced',
  'CSIStorageCapacity',
  { plural: 'csistoragecapacities' },
);
export const volumeAttributesClasses = define<storage.VolumeAttributesClass>(
  'storage/v1',
  'cluster',
  'VolumeAttributesClass',
  { plural: 'volumeattributesclasses', shortNames: ['vac'] },
);
