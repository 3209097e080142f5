/** Claims and PersistentVolumes are born with the finalizer that keeps them while they are used. */
import { persistentVolumeClaims, persistentVolumes } from '../../api/resources.js';
import { claimProtection, volumeProtection } from '../../api/volume-binding.js';
import type { AdmissionPlugin } from './admission.js';

const finalizers: ReadonlyMap<string, string> = new Map([
  [persistentVolumeClaims.schemaName, claimProtection],
  [persistentVolumes.schemaName, volumeProtection],
]);

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit({ operation, subresource, definition, object }) {
    const finalizer = finalizers.get(definition.schemaName);
    if (operation !== 'CREATE' || subresource !== '' || finalizer === undefined || object === undefined)
      return;
    const before = object.metadata.finalizers ?? [];
    if (!before.includes(finalizer)) object.metadata.finalizers = [...before, finalizer];
  },
};
