/**
 * KubeletConfiguration of `kubelet.config.k8s.io/v1beta1`: every key that Kubernetes v1.35 documents, and `startupIO` of
 * our own, with its type, default, unit, flag, and what Knarr does with it. Decoding, flags, `/configz` and docs/kubelet-configuration.md all
 * follow from this description.
 *
 * To act on a key that was refused: delete its `support`, use the property, and run the test of the documentation.
 */
import type { Fields, Values } from './field.js';
import { nodeKeys } from './keys/node.js';
import { podKeys } from './keys/pods.js';
import { resourceKeys } from './keys/resources.js';
import { serverKeys } from './keys/server.js';
import { startupKeys } from './keys/startup.js';

export const configurationKeys = { ...serverKeys, ...nodeKeys, ...podKeys, ...resourceKeys, ...startupKeys };

/** The effective configuration, defaults filled in. Durations end in `Ms`, sizes in `Bytes`. */
export type KubeletConfiguration = Values<typeof configurationKeys>;

export const configurationApiVersion = 'kubelet.config.k8s.io/v1beta1';
export const configurationKind = 'KubeletConfiguration';

export interface ConfigurationKey {
  /** `authentication.x509.clientCAFile` */
  readonly path: readonly string[];
  readonly field: Extract<Fields[string], { readonly is: 'field' }>;
}

/** Every key that has a value, groups resolved. */
export function allKeys(
  fields: Fields = configurationKeys,
  above: readonly string[] = [],
): ConfigurationKey[] {
  return Object.entries(fields).flatMap(([name, member]) => {
    const path = [...above, name];
    return member.is === 'field' ? [{ path, field: member }] : allKeys(member.fields, path);
  });
}
