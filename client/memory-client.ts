/**
 * The in-memory twin of the REST client: for unit tests of controllers, scheduler, kubelet and proxy.
 *
 * It behaves as the apiserver does where a client can tell the difference, and passes the same contract suite. It
 * does not validate, has no admission, and collects no garbage.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import { keyOf } from '../api/objects.js';
import type { Draft, KubernetesObject } from '../api/objects.js';
import type { Binding, Pod } from '../api/generated/core-v1.js';
import { applyJsonPatch } from '../api/patch/json-patch.js';
import { applyMergePatch } from '../api/patch/merge-patch.js';
import { applyStrategicMergePatch } from '../api/patch/strategic-merge-patch.js';
import { withCondition } from '../api/pod-helpers.js';
import type { ResourceDefinition } from '../api/resources.js';
import { loadSchema } from '../api/schema/load.js';
import { alreadyExists, conflict, notFound, StatusError } from '../api/status-error.js';
import { isReadyToBeRemoved, prepareCreation, prepareDeletion, prepareUpdate } from './memory-semantics.js';
import type { WriteScope } from './memory-semantics.js';
import { MemoryStore } from './memory-store.js';
import { watchMemory } from './memory-watch.js';
import { selectionOf } from './object-selection.js';
import { apiVersionOf, objectPath, subjectOf } from './resource-path.js';
import { timestamp } from './timestamps.js';
import type {
  ApiClient,
  DeleteOptions,
  ListOptions,
  ObjectList,
  ObjectName,
  PatchType,
  ResourceClient,
  WatchedEvent,
  WatchOptions,
} from './types.js';

export interface MemoryClientOptions {
  /** For creationTimestamp and deletionTimestamp. */
  readonly clock?: Clock;
  /** Changes that watches may go back to. Default 10,000. */
  readonly historyLimit?: number;
}

export interface MemoryClient extends ApiClient {
  /** Forgets the history, as a compaction does: watches from an older version fail with Expired. */
  compact(): void;
  /** Ends all watches that are under way, as a server that closes its connections does. */
  endWatches(): void;
  /** Everything written so far has this resourceVersion or an older one. */
  readonly resourceVersion: string;
}

export function createMemoryClient(options: MemoryClientOptions = {}): MemoryClient {
  return new InMemoryClient(options);
}

/** What the resources of one client share. */
interface Shared {
  readonly store: MemoryStore;
  readonly clock: Clock;
  /** Replaced when watches are ended: each watch holds on to the one it began with. */
  watchEnd: AbortController;
}

class InMemoryClient implements MemoryClient {
  readonly #shared: Shared;

  constructor(options: MemoryClientOptions) {
    this.#shared = {
      store: new MemoryStore(options.historyLimit ?? 10_000),
      clock: options.clock ?? systemClock,
      watchEnd: new AbortController(),
    };
  }

  get resourceVersion(): string {
    return String(this.#shared.store.revision);
  }

  resource<T extends KubernetesObject>(resource: ResourceDefinition<T>): ResourceClient<T> {
    return new MemoryResourceClient(this.#shared, resource);
  }

  raw(path: string): Promise<string> {
    if (['/readyz', '/livez', '/healthz'].includes(path)) return Promise.resolve('ok');
    // Discovery of what is not in the registry: there is nothing.
    if (path === '/apis') return Promise.resolve('{"kind":"APIGroupList","apiVersion":"v1","groups":[]}');
    return Promise.reject(new StatusError('NotFound', 'the server could not find the requested resource'));
  }

  compact(): void {
    this.#shared.store.compact();
  }

  endWatches(): void {
    this.#shared.watchEnd.abort();
    this.#shared.watchEnd = new AbortController();
  }

  close(): Promise<void> {
    this.endWatches();
    return Promise.resolve();
  }
}

class MemoryResourceClient<T extends KubernetesObject> implements ResourceClient<T> {
  readonly resource: ResourceDefinition<T>;
  readonly #shared: Shared;
  readonly #id: string;

  constructor(shared: Shared, resource: ResourceDefinition<T>) {
    this.#shared = shared;
    this.resource = resource;
    this.#id = `${resource.group}/${resource.plural}`;
  }

  async get(at: ObjectName): Promise<T> {
    return structuredClone(this.#current(at)) as T;
  }

  async list(options: ListOptions = {}): Promise<ObjectList<T>> {
    const { store } = this.#shared;
    const selected = store.list(this.#id).filter(selectionOf(options));
    const from = options.continue === undefined ? 0 : Number(options.continue);
    const limit = options.limit ?? selected.length;
    const items = selected.slice(from, from + limit).map((object) => structuredClone(object) as T);
    const next = from + limit;
    return {
      items,
      resourceVersion: String(store.revision),
      ...(next < selected.length ? { continue: String(next) } : {}),
    };
  }

  async create(draft: Draft<T>): Promise<T> {
    const { namespace } = draft.metadata;
    if (this.resource.namespaced && (namespace === undefined || namespace === '')) {
      throw new StatusError('BadRequest', `a ${this.resource.kind} is created without a namespace`);
    }
    const object = prepareCreation(this.resource, draft, {
      apiVersion: apiVersionOf(this.resource),
      uid: randomUUID(),
      now: timestamp(this.#shared.clock.now()),
      generatedSuffix: randomBytes(4).toString('hex').slice(0, 5),
    });
    const key = keyOf(object);
    if (this.#shared.store.get(this.#id, key) !== undefined)
      throw alreadyExists(subjectOf(this.resource), object.metadata.name);
    return structuredClone(this.#shared.store.put(this.#id, key, object)) as T;
  }

  async update(object: T, options: { readonly subresource?: string } = {}): Promise<T> {
    return this.#write(object.metadata, this.#scopeOf(options.subresource), () => object);
  }

  async updateStatus(object: T): Promise<T> {
    return this.update(object, { subresource: 'status' });
  }

  async patch(
    at: ObjectName,
    type: PatchType,
    patch: unknown,
    options: { readonly subresource?: string } = {},
  ): Promise<T> {
    return this.#write(at, this.#scopeOf(options.subresource), (current) =>
      this.#patched(current, type, structuredClone(patch)),
    );
  }

  async delete(at: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { store, clock } = this.#shared;
    const current = this.#current(at);
    const marked = prepareDeletion(this.resource, current, options, clock.now());
    if (isReadyToBeRemoved(marked)) store.remove(this.#id, keyOf(current));
    else if (marked !== current) store.put(this.#id, keyOf(current), marked);
  }

  watch(options: WatchOptions): AsyncIterable<WatchedEvent<T>> {
    const { store, clock, watchEnd } = this.#shared;
    return watchMemory<T>({
      store,
      clock,
      resourceId: this.#id,
      options,
      signal: AbortSignal.any([options.signal, watchEnd.signal]),
    });
  }

  async createSubresource(at: ObjectName, subresource: string, body: unknown): Promise<unknown> {
    if (this.resource.kind === 'Pod' && subresource === 'binding') this.#bind(at, body as Binding);
    else if (this.resource.kind === 'Pod' && subresource === 'eviction') await this.delete(at);
    else throw new StatusError('NotFound', `${this.resource.plural} have no subresource ${subresource} here`);
    return { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Success', code: 201 };
  }

  #current(at: ObjectName): KubernetesObject {
    // Checks that the name is complete, as the REST client does.
    objectPath(this.resource, at);
    const object = this.#shared.store.get(this.#id, keyOf({ metadata: at }));
    if (object === undefined) throw notFound(subjectOf(this.resource), at.name);
    return object;
  }

  #scopeOf(subresource: string | undefined): WriteScope {
    if (subresource === undefined) return 'object';
    if (!this.resource.subresources.includes(subresource) || !['status', 'finalize'].includes(subresource)) {
      throw new StatusError('NotFound', `${this.resource.plural} have no subresource ${subresource} here`);
    }
    return subresource as WriteScope;
  }

  #write(at: ObjectName, scope: WriteScope, change: (current: KubernetesObject) => KubernetesObject): T {
    const { store } = this.#shared;
    const current = this.#current(at);
    const next = prepareUpdate(this.resource, current, change(current), scope);
    if (next === current) return structuredClone(current) as T;
    const key = keyOf(current);
    const stored = store.put(this.#id, key, next);
    if (isReadyToBeRemoved(stored)) store.remove(this.#id, key);
    return structuredClone(stored) as T;
  }

  #patched(current: KubernetesObject, type: PatchType, patch: unknown): KubernetesObject {
    switch (type) {
      case 'json':
        return applyJsonPatch(current, patch) as KubernetesObject;
      case 'merge':
        return applyMergePatch(current, patch) as KubernetesObject;
      case 'strategic': {
        const { schemaName } = this.resource;
        return applyStrategicMergePatch(current, patch, loadSchema(), schemaName) as KubernetesObject;
      }
      case 'apply':
        throw new StatusError('NotImplemented', 'the in-memory client does not do server-side apply');
    }
  }

  /** What `pods/binding` does: the Pod gets its node, once, and counts as scheduled. */
  #bind(at: ObjectName, binding: Binding): void {
    const pod = structuredClone<KubernetesObject>(this.#current(at)) as Pod;
    if ((pod.spec.nodeName ?? '') !== '') {
      const why = `pod ${at.name} is already assigned to node "${pod.spec.nodeName ?? ''}"`;
      throw conflict({ group: '', resource: 'pods/binding' }, at.name, why);
    }
    pod.spec.nodeName = binding.target.name ?? '';
    const now = timestamp(this.#shared.clock.now());
    const scheduled = { type: 'PodScheduled', status: 'True' };
    pod.status.conditions = [...withCondition(pod.status.conditions, scheduled, now)];
    this.#shared.store.put(this.#id, keyOf(pod), pod);
  }
}
