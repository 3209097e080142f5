/** Serves custom resources from the moment on when somebody defines the first one: until then their code is not loaded. */
import type { CustomResourceDefinition } from '../../api/generated/apiextensions-v1.js';
import { customResourceDefinitions } from '../../api/resources.js';
import type { ServerParts } from '../handlers/context.js';
import type { ResourceStorage } from '../storage/resource-storage.js';
import { StoreError } from '../storage/store.js';
import type { CustomResources } from './custom-resources.js';
import type { ServeDependencies } from './serve-definition.js';

export interface FollowingDefinitions {
  /** Resolves when nothing runs any more, after the signal has aborted. */
  readonly ended: Promise<void>;
}

/** Resolves when all that is defined now is served; the watch cache must be ready. */
export async function followDefinitions(
  parts: ServerParts,
  dependencies: ServeDependencies,
  signal: AbortSignal,
): Promise<FollowingDefinitions> {
  const { storage } = parts.resources.of(customResourceDefinitions);
  const start = async (): Promise<{ readonly custom: CustomResources; readonly revision: number }> => {
    const module = await import('./custom-resources.js');
    const custom = new module.CustomResources(parts, dependencies);
    const { items, revision } = await storage.listCached('', 0, signal);
    custom.take(items);
    return { custom, revision };
  };
  const { items, revision } = await storage.listCached('', 0, signal);
  if (items.length > 0) {
    const started = await start();
    return { ended: started.custom.run(started.revision, signal) };
  }
  const waitAndRun = async (): Promise<void> => {
    if (!(await isOneDefined(storage, revision, signal))) return;
    const started = await start();
    await started.custom.run(started.revision, signal);
  };
  return { ended: waitAndRun() };
}

/** Waits for the first definition after a revision. False when the signal aborts before. */
async function isOneDefined(
  storage: ResourceStorage<CustomResourceDefinition>,
  afterRevision: number,
  signal: AbortSignal,
): Promise<boolean> {
  let revision = afterRevision;
  for (;;) {
    try {
      const iterator = storage
        .watch({ namespace: '', afterRevision: revision, signal })
        [Symbol.asyncIterator]();
      const first = await iterator.next();
      await iterator.return?.();
      return first.done !== true;
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'compacted')) throw error;
      // What happened meanwhile is forgotten; what there is now is not.
      const page = await storage.listCached('', 0, signal);
      if (page.items.length > 0) return true;
      revision = page.revision;
    }
  }
}
