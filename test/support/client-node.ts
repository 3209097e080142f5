/** What tests of the official JavaScript client send. */
import { setHeaderOptions } from '@kubernetes/client-node';
import type { PatchStrategy, V1ConfigMap } from '@kubernetes/client-node';

/** The options of a call that say which kind of patch its body is. */
export const as = (strategy: PatchStrategy): ReturnType<typeof setHeaderOptions> =>
  setHeaderOptions('Content-Type', strategy);

export function settings(
  name: string,
  data: Record<string, string>,
  labels: Record<string, string> = {},
): V1ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
}
