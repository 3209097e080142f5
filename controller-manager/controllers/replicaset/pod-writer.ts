/** Makes and deletes the Pods of an owner, keeps the expectations, and tells with Events. */
import { keyOf } from '../../../api/objects.js';
import { isStatusError } from '../../../api/status-error.js';
import type { Pod, PodTemplateSpec } from '../../../api/generated/core-v1.js';
import type { EventRecorder, ResourceClient } from '../../../client/types.js';
import { isNamespaceGoing } from '../ensure-in-namespace.js';
import { buildPod, podName } from './build-pod.js';
import type { PodExpectations } from './pod-expectations.js';
import type { ReplicaOwner } from './replica-owner.js';
import { slowStart } from './slow-start.js';

export interface PodWriterContext {
  readonly client: ResourceClient<Pod>;
  readonly expectations: PodExpectations;
  readonly recorder: EventRecorder;
  readonly random: () => number;
}

/** The first thing that went wrong; undefined when all went well. */
export type WriteFailure = { readonly error: Error } | undefined;

/** Creates so many Pods, first those of whose creation the answer was lost. Never rejects. */
export async function createPods(
  context: PodWriterContext,
  owner: ReplicaOwner,
  template: PodTemplateSpec,
  count: number,
): Promise<WriteFailure> {
  const reused = context.expectations.uncertainNames(keyOf(owner)).slice(0, count);
  const fresh = Array.from({ length: count - reused.length }, () => podName(owner, context.random));
  const { failures } = await slowStart([...reused, ...fresh], (name) =>
    createPod(context, owner, template, name, reused.includes(name)),
  );
  const [first] = failures;
  return first === undefined ? undefined : { error: asError(first.error) };
}

async function createPod(
  { client, expectations, recorder }: PodWriterContext,
  owner: ReplicaOwner,
  template: PodTemplateSpec,
  name: string,
  isSecondTry: boolean,
): Promise<void> {
  const key = keyOf(owner);
  expectations.expectCreation(key, name);
  try {
    await client.create(buildPod(owner, template, name));
    recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${name}`);
  } catch (error) {
    // The first try did arrive; the informer will bring the Pod.
    if (isSecondTry && isStatusError(error, 'AlreadyExists')) return;
    if (isUncertain(error)) expectations.creationUncertain(key, name);
    else {
      expectations.creationRefused(key, name);
      if (!isNamespaceGoing(error))
        recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    }
    throw error;
  }
}

/** Deletes these Pods. One that is gone already counts as deleted. Never rejects. */
export async function deletePods(
  context: PodWriterContext,
  owner: ReplicaOwner,
  pods: readonly Pod[],
): Promise<WriteFailure> {
  const results = await Promise.allSettled(pods.map((pod) => deletePod(context, owner, pod)));
  const failed = results.find((result) => result.status === 'rejected');
  return failed === undefined ? undefined : { error: asError(failed.reason) };
}

async function deletePod(
  { client, expectations, recorder }: PodWriterContext,
  owner: ReplicaOwner,
  { metadata }: Pod,
): Promise<void> {
  const key = keyOf(owner);
  expectations.expectDeletion(key, metadata.uid);
  try {
    await client.delete(metadata, { preconditions: { uid: metadata.uid } });
    recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${metadata.name}`);
  } catch (error) {
    // Gone, or replaced by another Pod of that name: the informer will say so.
    if (isStatusError(error, 'NotFound') || isStatusError(error, 'Conflict')) return;
    // Whether it was carried out or not: the same Pod is chosen again, and deleting twice does no harm.
    expectations.sawDeletion(key, metadata.uid);
    if (!isUncertain(error))
      recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

/** The server did not say whether it has done what it was asked for. */
function isUncertain(error: unknown): boolean {
  return (
    isStatusError(error, 'ServiceUnavailable') ||
    isStatusError(error, 'Timeout') ||
    isStatusError(error, 'ServerTimeout') ||
    !isStatusError(error)
  );
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function messageOf(error: unknown): string {
  return asError(error).message;
}
