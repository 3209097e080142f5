/** Static Pods come from a manifest on the node, not from the apiserver; a mirror Pod there shows each of them. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';

export const podAnnotations = {
  /** A Pod of the apiserver that stands for a static one; its value is the hash of that. */
  mirror: 'kubernetes.io/config.mirror',
  hash: 'kubernetes.io/config.hash',
  source: 'kubernetes.io/config.source',
  seen: 'kubernetes.io/config.seen',
} as const;

export type StaticSource = 'file' | 'http';

export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[podAnnotations.source];
  return (source === 'file' || source === 'http') && !isMirrorPod(pod);
}

export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[podAnnotations.mirror] !== undefined;
}
