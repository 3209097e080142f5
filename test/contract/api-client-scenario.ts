/** What the scenarios of the api client's contract run on. */
import type { Test } from 'tap';
import type { ConfigMap } from '../../api/generated/core-v1.js';
import type { Draft } from '../../api/objects.js';
import type { ApiClient } from '../../client/types.js';

export interface ApiClientUnderTest {
  readonly client: ApiClient;
  /** A namespace that exists and is empty but for what controllers put everywhere. */
  readonly namespace: string;
}

export type ClientScenario = (
  title: string,
  run: (t: Test, under: ApiClientUnderTest) => Promise<void>,
) => void;

export function configMap(
  namespace: string,
  name: string,
  extra: Partial<ConfigMap['metadata']> = {},
): Draft<ConfigMap> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...extra },
    data: { key: 'one' },
  };
}
