/**
 * Keeps the FlowSchemas and PriorityLevelConfigurations of {@link defaultFlowSchemas} and {@link defaultPriorityLevels}
 * in the cluster, by the rules of Kubernetes: the mandatory ones always as they have to be, the suggested ones as long
 * as nobody has taken them over.
 */
import { isDeepStrictEqual } from 'node:util';
import type {
  FlowSchema,
  FlowSchemaSpec,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '../../api/generated/flowcontrol-v1.js';
import type { Draft, KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { flowSchemas, priorityLevelConfigurations } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import { defaultFlowSchemas, defaultPriorityLevels } from '../flow-control/default-objects.js';
import type { DefaultObject } from '../flow-control/default-objects.js';
import type { ServerParts } from '../handlers/context.js';
import { createUnlessThere } from './system-objects.js';

/** `true`: the server keeps the spec at what it suggests; `false`: it is the administrator's. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec';
const intervalMs = 60_000;

/** Creates and updates what has to be. Idempotent; several servers may do it at once. */
export async function ensureFlowControlObjects(parts: ServerParts): Promise<void> {
  await Promise.all([
    ...defaultPriorityLevels.map((wanted) => ensureLevel(parts, wanted)),
    ...defaultFlowSchemas.map((wanted) => ensureSchema(parts, wanted)),
  ]);
  await Promise.all([
    removeFormer(parts, priorityLevelConfigurations, defaultPriorityLevels),
    removeFormer(parts, flowSchemas, defaultFlowSchemas),
  ]);
}

/** Ensures again every minute until the signal aborts. Errors are logged; the next round tries again. */
export async function maintainFlowControlObjects(parts: ServerParts, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(parts.clock, intervalMs, signal);
    if (signal.aborted) return;
    try {
      await ensureFlowControlObjects(parts);
    } catch (error) {
      parts.log.warn('the flow control objects could not be brought up to date', { err: error });
    }
  }
}

function metadataOf(name: string): { name: string; annotations: Record<string, string> } {
  return { name, annotations: { [autoUpdateAnnotation]: 'true' } };
}

async function ensureLevel(
  parts: ServerParts,
  wanted: DefaultObject<PriorityLevelConfigurationSpec>,
): Promise<void> {
  await ensure<PriorityLevelConfiguration, PriorityLevelConfigurationSpec>(
    parts,
    priorityLevelConfigurations,
    wanted,
    {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'PriorityLevelConfiguration',
      metadata: metadataOf(wanted.name),
      spec: wanted.spec,
    },
  );
}

async function ensureSchema(parts: ServerParts, wanted: DefaultObject<FlowSchemaSpec>): Promise<void> {
  await ensure<FlowSchema, FlowSchemaSpec>(parts, flowSchemas, wanted, {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: metadataOf(wanted.name),
    spec: wanted.spec,
  });
}

async function ensure<T extends KubernetesObject & { spec: Spec }, Spec>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  wanted: DefaultObject<Spec>,
  draft: Draft<T>,
): Promise<void> {
  if (await createUnlessThere(parts, definition, draft)) return;
  const { storage } = parts.resources.of(definition);
  try {
    await storage.guaranteedUpdate('', wanted.name, (current) => {
      const automatic = wanted.mandatory || updatesItself(current);
      const annotation = String(automatic);
      const { annotations } = current.metadata;
      const spec = automatic ? wanted.spec : current.spec;
      if (annotations?.[autoUpdateAnnotation] === annotation && isDeepStrictEqual(current.spec, spec))
        return { kind: 'keep' };
      const { generation = 0 } = current.metadata;
      const metadata = {
        ...current.metadata,
        annotations: { ...annotations, [autoUpdateAnnotation]: annotation },
        generation: isDeepStrictEqual(current.spec, spec) ? generation : generation + 1,
      };
      return { kind: 'write', object: { ...current, metadata, spec } };
    });
  } catch (error) {
    // Deleted since it was looked for: the next round creates it.
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}

/** Whether the server may change a suggested object: as its annotation says, else unless somebody has changed it. */
export function updatesItself({ metadata }: KubernetesObject): boolean {
  const said = metadata.annotations?.[autoUpdateAnnotation];
  if (said === 'true') return true;
  if (said === 'false') return false;
  return metadata.generation === 1;
}

/** Objects that an older release suggested and this one does not: they go, unless somebody has taken them over. */
async function removeFormer<T extends KubernetesObject>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  wanted: readonly DefaultObject<unknown>[],
): Promise<void> {
  const { storage } = parts.resources.of(definition);
  const names = new Set(wanted.map(({ name }) => name));
  const { items } = await storage.list({ namespace: '' });
  for (const { object } of items) {
    const { name, annotations } = object.metadata;
    if (names.has(name) || annotations?.[autoUpdateAnnotation] !== 'true') continue;
    try {
      await storage.guaranteedUpdate('', name, (current) =>
        current.metadata.annotations?.[autoUpdateAnnotation] === 'true'
          ? { kind: 'delete' }
          : { kind: 'keep' },
      );
    } catch (error) {
      // Somebody else was faster.
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }
}
