/** Empties a CustomResourceDefinition that is being deleted, and lets it go. */
import type { CustomResourceDefinition } from '../../api/generated/apiextensions-v1.js';
import type { NewCondition } from '../../api/custom-resources/definition-status.js';
import { cleanupFinalizer, withCondition } from '../../api/custom-resources/definition-status.js';
import { customResourceDefinitions } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { ServedResource, ServerParts } from '../handlers/context.js';
import { decideDeletion, endsByUpdate } from '../handlers/deletion.js';
import { timestamp } from '../resources/object-meta.js';

/** Between looks while objects have finalizers that others must remove. */
const patienceMs = 500;

const inProgress: NewCondition = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionInProgress',
  message: 'CustomResource deletion is in progress',
};
const completed: NewCondition = {
  type: 'Terminating',
  status: 'False',
  reason: 'InstanceDeletionCompleted',
  message: 'removed all instances',
};
const neverEstablished: NewCondition = {
  type: 'Terminating',
  status: 'False',
  reason: 'NeverEstablished',
  message: 'resource was never established',
};

/**
 * Deletes all objects and waits until they are gone, which finalizers may delay; then removes the definition's finalizer.
 * Several servers may do it at once. Resolves early when the signal aborts.
 */
export async function removeInstances(
  parts: ServerParts,
  served: () => readonly ServedResource[],
  name: string,
  signal: AbortSignal,
): Promise<void> {
  if (served().length === 0) {
    await letGo(parts, name, neverEstablished);
    return;
  }
  await report(parts, name, inProgress);
  while (!signal.aborted) {
    const resource = easiest(served());
    if (resource === undefined || (await deleteAllOrReport(parts, resource, name)) === 0) {
      await letGo(parts, name, completed);
      return;
    }
    await sleep(parts.clock, patienceMs, signal);
  }
}

/** In the version that is stored, no webhook has to be there for what goes anyway. */
function easiest(served: readonly ServedResource[]): ServedResource | undefined {
  return served.find(({ definition }) => definition.viewOf === undefined) ?? served[0];
}

/** What cannot be read cannot be deleted: the condition says why, and the next look tries again. */
async function deleteAllOrReport(
  parts: ServerParts,
  resource: ServedResource,
  name: string,
): Promise<number | undefined> {
  try {
    return await deleteAll(parts, resource);
  } catch (error) {
    if (!isStatusError(error, 'Unknown')) throw error;
    const message = `could not list instances: ${error.message}`;
    await report(parts, name, {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionFailed',
      message,
    });
    return undefined;
  }
}

/** Asks for the deletion of every object. Returns how many are left. */
async function deleteAll(parts: ServerParts, { storage, strategy }: ServedResource): Promise<number> {
  const { items } = await storage.list({ namespace: '' });
  for (const { object } of items) {
    const { namespace = '', name } = object.metadata;
    try {
      await storage.guaranteedUpdate(namespace, name, (current) => {
        if (current.metadata.deletionTimestamp !== undefined) return { kind: 'keep' };
        const step = decideDeletion(strategy, structuredClone(current), {}, parts.clock.now());
        return step.kind === 'pending' ? { kind: 'keep' } : step;
      });
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }
  const { items: left } = await storage.list({ namespace: '' });
  return left.length;
}

async function report(parts: ServerParts, name: string, condition: NewCondition): Promise<void> {
  await change(parts, name, (definition) => ({
    ...definition,
    status: conditionsWith(definition, condition, parts.clock.now()),
  }));
}

async function letGo(parts: ServerParts, name: string, condition: NewCondition): Promise<void> {
  await change(parts, name, (definition) => ({
    ...definition,
    metadata: {
      ...definition.metadata,
      finalizers: (definition.metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer),
    },
    status: conditionsWith(definition, condition, parts.clock.now()),
  }));
}

function conditionsWith(
  { status }: CustomResourceDefinition,
  condition: NewCondition,
  nowMs: number,
): CustomResourceDefinition['status'] {
  return { ...status, conditions: withCondition(status.conditions ?? [], condition, timestamp(nowMs)) };
}

async function change(
  parts: ServerParts,
  name: string,
  next: (definition: CustomResourceDefinition) => CustomResourceDefinition,
): Promise<void> {
  const resource = parts.resources.of(customResourceDefinitions);
  await resource.load?.();
  try {
    await resource.storage.guaranteedUpdate('', name, (current) => {
      if (current.metadata.deletionTimestamp === undefined) return { kind: 'keep' };
      const object = next(current);
      const ends = endsByUpdate(resource.strategy as unknown as ServedResource['strategy'], object, current);
      return ends ? { kind: 'delete' } : { kind: 'write', object };
    });
  } catch (error) {
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}
