/**
 * The client seam: what controllers, scheduler, kubelet and proxy know of the apiserver.
 *
 * `ApiClient` has two implementations that pass `test/contract/api-client.ts`: the REST client over HTTP/2, and
 * an in-memory twin for unit tests. Informers, work queues and the event recorder build on it alone.
 */
import type { KubernetesObject, Draft } from '../api/objects.js';
import type { ResourceDefinition } from '../api/resources.js';

/** Where one object or one collection lives. An empty or absent namespace means cluster scope or all namespaces. */
export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  readonly signal?: AbortSignal;
}

export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
}

export type WatchedEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version. */
  readonly resourceVersion: string;
  readonly allowBookmarks?: boolean;
  readonly timeoutSeconds?: number;
  readonly signal: AbortSignal;
}

/**
 * Typed access to one resource. Every method rejects with StatusError when the server refuses, with
 * `ServiceUnavailable` when it cannot be reached. No method retries by itself. Objects that it returns are the
 * caller's own; those that come out of informers are shared and read-only.
 */
export interface ResourceClient<T extends KubernetesObject> {
  readonly resource: ResourceDefinition<T>;
  get(at: ObjectName, signal?: AbortSignal): Promise<T>;
  list(options?: ListOptions): Promise<ObjectList<T>>;
  create(object: Draft<T>): Promise<T>;
  /** Replaces the object; `metadata.resourceVersion` must be the current one (Conflict otherwise). */
  update(object: T, options?: { readonly subresource?: string }): Promise<T>;
  updateStatus(object: T): Promise<T>;
  patch(
    at: ObjectName,
    type: PatchType,
    patch: unknown,
    options?: { readonly subresource?: string },
  ): Promise<T>;
  delete(at: ObjectName, options?: DeleteOptions): Promise<void>;
  /** Ends when the server closes the watch or the signal aborts; throws StatusError (Expired) on a 410. */
  watch(options: WatchOptions): AsyncIterable<WatchedEvent<T>>;
  /** POST to a subresource that answers with another kind: binding, eviction, token. */
  createSubresource(at: ObjectName, subresource: string, body: unknown): Promise<unknown>;
}

export interface ApiClient {
  resource<T extends KubernetesObject>(resource: ResourceDefinition<T>): ResourceClient<T>;
  /** GET of a path outside of the resources, `/readyz` for example; the body as text. */
  raw(path: string, signal?: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** Called with read-only objects, one at a time, in order. */
export interface InformerHandler<T> {
  onAdd?(object: T, isInInitialList: boolean): void;
  onUpdate?(before: T, after: T): void;
  onDelete?(object: T): void;
}

/** A local, always-fresh copy of one collection: list, then watch, again from the start after a 410. */
export interface Informer<T extends KubernetesObject> {
  readonly resource: ResourceDefinition<T>;
  /** True after the first complete list. */
  readonly synced: boolean;
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects whose index function returned `value`. Indexes are declared when the informer is made. */
  byIndex(index: string, value: string): readonly T[];
  /** A handler added late is told of everything already there. The returned function removes it. */
  addHandler(handler: InformerHandler<T>): () => void;
  whenSynced(signal?: AbortSignal): Promise<void>;
}

/** One informer per resource and process, shared by everybody who asks. */
export interface InformerFactory {
  informer<T extends KubernetesObject>(
    resource: ResourceDefinition<T>,
    options?: {
      readonly namespace?: string;
      readonly fieldSelector?: string;
      readonly labelSelector?: string;
      /** Keep apiVersion, kind and metadata alone: for those who need only names and owners of large objects. */
      readonly metadataOnly?: boolean;
      readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
    },
  ): Informer<T>;
  /** Runs all informers until the signal aborts; resolves when they have ended. */
  run(signal: AbortSignal): Promise<void>;
}

/** Records core/v1 Events: aggregated and rate-limited as client-go does, never in the way of the caller. */
export interface EventRecorder {
  event(about: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}
