/** Deletes everything in a namespace, and tells what is left. */
import type { Pod } from '../../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import type { ApiClient } from '../../../client/types.js';
import type { ContentReport } from './namespace-conditions.js';

/** Deletions under way at once. */
const parallel = 8;

export interface ContentOutcome extends Omit<ContentReport, 'undiscovered'> {
  /** When it is worth looking again: the longest grace period among Pods that are ending. */
  readonly lookAgainMs: number;
}

/**
 * One pass: lists every resource, asks for the deletion of what is not being deleted yet, lists again what remains.
 * A failure with one resource does not keep the others from being deleted.
 */
export async function deleteContent(
  client: ApiClient,
  resources: readonly ResourceDefinition[],
  namespace: string,
  signal: AbortSignal,
): Promise<ContentOutcome> {
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  let lookAgainMs = 0;
  for (const resource of resources) {
    try {
      const left = await deleteAll(client, resource, namespace, signal);
      if (left.length === 0) continue;
      const name = `${resource.plural}.${resource.group}`;
      remaining.set(name, left.length);
      for (const object of left) {
        lookAgainMs = Math.max(lookAgainMs, graceMs(object));
        for (const finalizer of object.metadata.finalizers ?? []) {
          finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
        }
      }
    } catch (error) {
      // Whether the server is there at all is for the caller's retry, not a condition to record on it.
      if (!isStatusError(error) || error.reason === 'ServiceUnavailable' || signal.aborted) throw error;
      failures.push(`${resource.plural}: ${error.message}`);
    }
  }
  return { remaining, finalizers, failures, lookAgainMs };
}

async function deleteAll(
  client: ApiClient,
  resource: ResourceDefinition,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly KubernetesObject[]> {
  const collection = client.resource(resource);
  const { items } = await collection.list({ namespace, signal });
  if (items.length === 0) return [];
  const doomed = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  for (let from = 0; from < doomed.length; from += parallel) {
    await Promise.all(
      doomed.slice(from, from + parallel).map(async ({ metadata }) => {
        try {
          await collection.delete(metadata, {
            preconditions: { uid: metadata.uid },
            propagationPolicy: 'Background',
          });
        } catch (error) {
          // Gone already, or replaced by another of its name: the next look tells.
          if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error;
        }
      }),
    );
  }
  return (await collection.list({ namespace, signal })).items;
}

function graceMs(object: KubernetesObject): number {
  if (object.kind !== 'Pod') return 0;
  return ((object as Pod).metadata.deletionGracePeriodSeconds ?? 0) * 1000;
}
