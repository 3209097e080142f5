/** A claim that names no class gets the default one, if there is one. An empty name is a name: that of no class. */
import type { PersistentVolumeClaim } from '../../api/generated/core-v1.js';
import type { StorageClass } from '../../api/generated/storage-v1.js';
import { persistentVolumeClaims } from '../../api/resources.js';
import { classNameOf, defaultStorageClass } from '../../api/volume-binding.js';
import type { AdmissionPlugin } from './admission.js';

export function addDefaultStorageClass(list: () => Promise<readonly StorageClass[]>): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    async admit({ operation, subresource, definition, object }) {
      if (operation !== 'CREATE' || subresource !== '') return;
      if (definition.schemaName !== persistentVolumeClaims.schemaName) return;
      const claim = object as PersistentVolumeClaim;
      if (classNameOf(claim) !== undefined) return;
      const found = defaultStorageClass(await list());
      if (found !== undefined) claim.spec.storageClassName = found.metadata.name;
    },
  };
}
