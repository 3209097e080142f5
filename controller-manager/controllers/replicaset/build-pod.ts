/** A Pod from its owner's template. Pure. */
import { controllerReference } from '../../../api/objects.js';
import type { Draft, KubernetesObject } from '../../../api/objects.js';
import type { Pod, PodTemplateSpec } from '../../../api/generated/core-v1.js';

/** Without vowels and look-alikes, as the server generates names. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
/** A generated name is a DNS label: 63 characters with the suffix. */
const longestPrefix = 63 - suffixLength;

function prefixOf(owner: KubernetesObject): string {
  return `${owner.metadata.name}-`.slice(0, longestPrefix);
}

/** A name like the server would generate. `random` yields numbers in [0, 1). */
export function podName(owner: KubernetesObject, random: () => number): string {
  let suffix = '';
  while (suffix.length < suffixLength)
    suffix += suffixAlphabet[Math.floor(random() * suffixAlphabet.length)] ?? '';
  return prefixOf(owner) + suffix;
}

export function buildPod(
  owner: KubernetesObject & { metadata: { namespace: string } },
  template: PodTemplateSpec,
  name: string,
): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: owner.metadata.namespace,
      name,
      generateName: prefixOf(owner),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
  };
}
