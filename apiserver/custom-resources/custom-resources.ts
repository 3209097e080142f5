/**
 * Keeps the served custom resources what the CustomResourceDefinitions say, and the definitions' status what is served.
 *
 * Driven by the watch cache, so that each of several servers on one store follows what any of them wrote. All may write
 * status at once: they come to the same decision, and a write that changes nothing is none.
 */
import type { CustomResourceDefinition } from '../../api/generated/apiextensions-v1.js';
import { decideNames } from '../../api/custom-resources/decide-names.js';
import { cleanupFinalizer, isConditionTrue } from '../../api/custom-resources/definition-status.js';
import { customResourceDefinitions } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ServedResource, ServerParts } from '../handlers/context.js';
import { timestamp } from '../resources/object-meta.js';
import type { StoredObject } from '../storage/stored-object.js';
import { StoreError } from '../storage/store.js';
import { compareGroups } from './compare-groups.js';
import { removeInstances } from './remove-instances.js';
import { serveDefinition } from './serve-definition.js';
import type { ServeDependencies } from './serve-definition.js';

interface Known {
  readonly definition: CustomResourceDefinition;
  /** Empty while the definition is not established. */
  served: readonly ServedResource[];
  /** Ends the watches of what is served. */
  readonly end: AbortController;
}

export class CustomResources {
  readonly #parts: ServerParts;
  readonly #dependencies: ServeDependencies;
  readonly #known = new Map<string, Known>();
  /** Definitions whose objects are being removed, by uid. */
  readonly #removing = new Map<string, Promise<void>>();

  constructor(parts: ServerParts, dependencies: ServeDependencies) {
    this.#parts = parts;
    this.#dependencies = dependencies;
  }

  /** Serves what is defined now. */
  take(definitions: readonly StoredObject<CustomResourceDefinition>[]): void {
    const names = new Set(definitions.map(({ object }) => object.metadata.name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#forget(name);
    for (const { object } of definitions) this.#learn(object);
    this.#publish();
  }

  /** Follows the definitions after a revision until the signal aborts. Resolves when nothing runs any more. */
  async run(afterRevision: number, signal: AbortSignal): Promise<void> {
    const { storage } = this.#parts.resources.of(customResourceDefinitions);
    let revision = afterRevision;
    await this.#settleAll(signal);
    while (!signal.aborted) {
      try {
        const watch = storage.watch({ namespace: '', afterRevision: revision, signal });
        for await (const events of watch) {
          for (const { type, current } of events) {
            if (type === 'put') this.#learn(current.object);
            else this.#forget(current.object.metadata.name);
            revision = current.revision;
          }
          this.#publish();
          await this.#settleAll(signal);
        }
        break;
      } catch (error) {
        if (!(error instanceof StoreError && error.code === 'compacted')) throw error;
        const page = await storage.listCached('', 0, signal);
        this.take(page.items);
        await this.#settleAll(signal);
        revision = page.revision;
      }
    }
    // Nothing is asked of webhooks any more.
    for (const { end } of this.#known.values()) end.abort();
    await Promise.all(this.#removing.values());
  }

  #learn(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    const before = this.#known.get(name);
    const isEstablished = isConditionTrue(definition, 'Established');
    if (before !== undefined && isServedAlike(before.definition, definition)) {
      this.#known.set(name, { ...before, definition });
      return;
    }
    before?.end.abort();
    const end = new AbortController();
    this.#known.set(name, { definition, end, served: isEstablished ? this.#serve(definition, end) : [] });
  }

  #serve(definition: CustomResourceDefinition, end: AbortController): readonly ServedResource[] {
    return serveDefinition(definition, this.#dependencies, end.signal);
  }

  #forget(name: string): void {
    this.#known.get(name)?.end.abort();
    this.#known.delete(name);
  }

  #publish(): void {
    const served = [...this.#known.values()].flatMap((one) => one.served);
    this.#parts.resources.setCustom(served.sort((a, b) => compareGroups(a.definition, b.definition)));
  }

  async #settleAll(signal: AbortSignal): Promise<void> {
    for (const { definition } of [...this.#known.values()]) {
      if (signal.aborted) return;
      try {
        await this.#settle(definition);
      } catch (error) {
        this.#parts.log.warn('the status of a CustomResourceDefinition could not be brought up to date', {
          definition: definition.metadata.name,
          err: error,
        });
      }
      this.#removeWhenDoomed(definition, signal);
    }
  }

  /** Decides on names, serves, and only then says so: who sees Established can use the resource here at once. */
  async #settle(definition: CustomResourceDefinition): Promise<void> {
    const others = [...this.#known.values()].map((one) => one.definition);
    const now = timestamp(this.#parts.clock.now());
    const status = decideNames(definition, others, now);
    if (status === definition.status) return;
    const next = { ...definition, status };
    this.#learn(next);
    this.#publish();
    try {
      await this.#parts.resources
        .of(customResourceDefinitions)
        .storage.guaranteedUpdate('', definition.metadata.name, (current) =>
          current.metadata.resourceVersion === definition.metadata.resourceVersion
            ? { kind: 'write', object: { ...current, status } }
            : { kind: 'keep' },
        );
    } catch (error) {
      // Deleted meanwhile: the watch will say so.
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }

  #removeWhenDoomed({ metadata }: CustomResourceDefinition, signal: AbortSignal): void {
    const { uid, name, deletionTimestamp, finalizers = [] } = metadata;
    if (deletionTimestamp === undefined || !finalizers.includes(cleanupFinalizer)) return;
    if (this.#removing.has(uid)) return;
    const removal = removeInstances(this.#parts, () => this.#known.get(name)?.served ?? [], name, signal)
      .catch((error: unknown) => {
        if (signal.aborted) return;
        this.#parts.log.error('the objects of a CustomResourceDefinition could not be removed', {
          definition: name,
          err: error,
        });
      })
      .finally(() => this.#removing.delete(uid));
    this.#removing.set(uid, removal);
  }
}

/** Whether a change of a definition leaves what is served as it is: watches then go on. */
function isServedAlike(before: CustomResourceDefinition, after: CustomResourceDefinition): boolean {
  return (
    before.metadata.uid === after.metadata.uid &&
    before.metadata.generation === after.metadata.generation &&
    isConditionTrue(before, 'Established') === isConditionTrue(after, 'Established') &&
    isConditionTrue(before, 'Terminating') === isConditionTrue(after, 'Terminating') &&
    JSON.stringify(before.status.acceptedNames) === JSON.stringify(after.status.acceptedNames)
  );
}
