/** The warnings of what makes pods: those of its template, when it comes or its spec changes. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { podWarnings } from './warnings.js';

export function templateWarnings<T extends KubernetesObject>(
  templateOf: (object: T) => PodTemplateSpec | undefined,
  path: string,
): (object: T, before?: T) => readonly string[] {
  return (object, before) => {
    if (before !== undefined && before.metadata.generation === object.metadata.generation) return [];
    const template = templateOf(object);
    return template === undefined ? [] : podWarnings(template, path);
  };
}
