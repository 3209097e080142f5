import type { Pod } from '../../../api/generated/core-v1.js';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** The picture of a pod that a kubelet has from a file: only the file can change it. */
export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}
