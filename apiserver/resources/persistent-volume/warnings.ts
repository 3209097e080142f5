/** What a user is told of a PersistentVolume that is accepted all the same: in the words of Kubernetes. Pure. */
import type { PersistentVolume } from '../../../api/generated/core-v1.js';
import { nodeTermWarnings } from '../node/deprecated-labels.js';
import { goneVolumes } from '../pod/warnings.js';

const deprecatedAnnotations: Readonly<Record<string, string>> = {
  'volume.beta.kubernetes.io/storage-class':
    'deprecated since v1.8; use "storageClassName" attribute instead',
  'volume.beta.kubernetes.io/mount-options': 'deprecated since v1.31; use "mountOptions" attribute instead',
};

export function persistentVolumeWarnings({ metadata, spec }: PersistentVolume): readonly string[] {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return [
    ...terms.flatMap((term, index) =>
      nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`),
    ),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
    ...Object.entries(deprecatedAnnotations)
      .filter(([key]) => Object.hasOwn(metadata.annotations ?? {}, key))
      .map(([key, message]) => `metadata.annotations[${key}]: ${message}`),
    ...Object.entries(goneVolumes)
      .filter(([kind]) => kind in spec)
      .map(([kind, message]) => `spec.${kind === 'storageos' ? 'storageOS' : kind}: ${message}`),
  ];
}
