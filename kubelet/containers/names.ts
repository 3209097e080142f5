/** The labels and annotations by which the kubelet finds its sandboxes and containers again (those of Kubernetes). */
import { createHash } from 'node:crypto';
import type { Container } from '../../api/generated/core-v1.js';

export const labels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const annotations = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  gracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  ports: 'io.kubernetes.container.ports',
} as const;

/**
 * Changes when a container must be restarted because its definition changed. Of all its fields only the image may
 * change in a Pod that exists, so only name and image count.
 */
export function containerHash(container: Pick<Container, 'name' | 'image'>): string {
  const text = JSON.stringify([container.name, container.image ?? '']);
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
