/** Keeps the flow controller at what the cluster's FlowSchemas and PriorityLevelConfigurations say. */
import { isDeepStrictEqual } from 'node:util';
import type { FlowSchema, FlowSchemaCondition } from '../../api/generated/flowcontrol-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { flowSchemas, priorityLevelConfigurations } from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { ServerParts } from '../handlers/context.js';
import { timestamp } from '../resources/object-meta.js';
import { StoreError } from '../storage/store.js';
import { exemptName } from './default-objects.js';
import type { FlowController } from './flow-controller.js';

const retryMs = 1_000;

/** Takes the objects as they are now into use. */
export async function loadConfiguration(
  parts: ServerParts,
  controller: FlowController,
  signal: AbortSignal,
): Promise<void> {
  const [levels, schemas] = await Promise.all([
    listAll(parts, priorityLevelConfigurations, signal),
    listAll(parts, flowSchemas, signal),
  ]);
  controller.configure(levels.items, schemas.items);
}

/** Follows every change until the signal aborts. Errors are logged and the watch begins anew. */
export async function followConfiguration(
  parts: ServerParts,
  controller: FlowController,
  signal: AbortSignal,
): Promise<void> {
  const onChange = async (): Promise<void> => {
    await loadConfiguration(parts, controller, signal);
    await markDangling(parts, signal);
  };
  await Promise.all([
    followKind(parts, priorityLevelConfigurations, onChange, signal),
    followKind(parts, flowSchemas, onChange, signal),
  ]);
}

async function followKind<T extends KubernetesObject>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  onChange: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { storage } = parts.resources.of(definition);
  while (!signal.aborted) {
    try {
      const { revision } = await storage.listCached('', 0, signal);
      await onChange();
      // Whatever happened, the objects are read anew: what the event says does not matter.
      for await (const events of storage.watch({ namespace: '', afterRevision: revision, signal })) {
        if (events.length > 0) await onChange();
      }
    } catch (error) {
      if (isStopping(signal)) return;
      const expired = error instanceof StoreError && error.code === 'compacted';
      if (!expired)
        parts.log.warn('the flow control configuration could not be followed', {
          resource: definition.plural,
          err: error,
        });
      await sleep(parts.clock, retryMs, signal);
    }
  }
}

function isStopping(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function listAll<T extends KubernetesObject>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  signal: AbortSignal,
): Promise<{ readonly items: readonly T[] }> {
  const page = await parts.resources.of(definition).storage.listCached('', 0, signal);
  return { items: page.items.map(({ object }) => object) };
}

/** Says in the status of each FlowSchema whether its priority level is there. */
async function markDangling(parts: ServerParts, signal: AbortSignal): Promise<void> {
  const { storage } = parts.resources.of(flowSchemas);
  const levels = await listAll(parts, priorityLevelConfigurations, signal);
  const names = new Set(levels.items.map(({ metadata }) => metadata.name));
  const schemas = await listAll(parts, flowSchemas, signal);
  for (const { metadata, spec, status } of schemas.items) {
    const wanted = danglingCondition(spec, names);
    if (isSaid(status, wanted)) continue;
    try {
      await storage.guaranteedUpdate('', metadata.name, (current) => {
        if (isSaid(current.status, wanted)) return { kind: 'keep' };
        const others = (current.status.conditions ?? []).filter(({ type }) => type !== wanted.type);
        const condition = { ...wanted, lastTransitionTime: timestamp(parts.clock.now()) };
        return {
          kind: 'write',
          object: { ...current, status: { ...current.status, conditions: [...others, condition] } },
        };
      });
    } catch (error) {
      // Deleted meanwhile: there is nobody left to tell.
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }
}

/** The condition, but for its time. Pure. */
export function danglingCondition(
  spec: FlowSchema['spec'],
  levels: ReadonlySet<string>,
): Omit<FlowSchemaCondition, 'lastTransitionTime'> {
  const { name } = spec.priorityLevelConfiguration;
  const found = levels.has(name) || name === exemptName;
  const subject = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
  return found
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${subject} and it exists` }
    : {
        type: 'Dangling',
        status: 'True',
        reason: 'NotFound',
        message: `${subject} but there is no such object`,
      };
}

function isSaid(
  status: FlowSchema['status'],
  wanted: Omit<FlowSchemaCondition, 'lastTransitionTime'>,
): boolean {
  const said = status.conditions?.find(({ type }) => type === wanted.type);
  if (said === undefined) return false;
  const { type, status: value, reason, message } = said;
  return isDeepStrictEqual({ type, status: value, reason, message }, { ...wanted });
}
