/**
 * What is particular about one kind. Everything that kinds have in common (metadata, revisions, finalizers,
 * patches, watches) is done once, in handlers/; a strategy says only what differs.
 *
 * A new kind is a folder with `strategy.ts` and `validation.ts`, and a line in `registry.ts`, or in `lazy-registry.ts`
 * for a kind that few requests are about: its rules are then loaded when the first one comes. Strategies are pure but for
 * the allocators of Services: they change the object that they are given and nothing else.
 */
import type { Violations } from '../../api/field-path.js';
import type { NameCheck } from '../../api/names.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { UserInfo } from '../filters/authentication.js';
import type { FieldReaders } from '../storage/stored-object.js';
import type { VersionConversion } from '../storage/version-conversion.js';

/**
 * Something taken for an object that is about to be written: an IP, a port. At most one method is called, once; none
 * when it is not known whether the object was written. What is then held for nobody is found by a repair.
 */
export interface Reservation {
  /** The write succeeded. */
  commit(): Promise<void>;
  /** Nothing was written: give back. */
  release(): Promise<void>;
}

export interface ReserveOptions {
  /** Say what would be taken, and take nothing. */
  readonly dryRun?: boolean;
}

/** A subresource through which clients change one part of an object, and only that. */
export interface SubresourceRules<T extends KubernetesObject = KubernetesObject> {
  /** The object as it was, with that part as it is to be. Changes neither of the two; metadata is no concern of it. */
  take(next: T, before: T): T;
  /** Refuses what `take` would pass over in silence. */
  check?(next: T, before: T, violations: Violations): void;
  validate(object: T, before: T, violations: Violations): void;
}

export interface Strategy<T extends KubernetesObject = KubernetesObject> {
  readonly definition: ResourceDefinition<T>;
  /** How the objects become those that are stored, where that is another version of them. */
  readonly conversion?: VersionConversion<T>;
  /** The form of names; a DNS subdomain when absent. */
  readonly validateName?: NameCheck;
  /** `metadata.generation` counts the changes of `spec`. */
  readonly tracksGeneration?: boolean;
  /** PUT of an object that is not there creates it. */
  readonly allowsCreateOnUpdate?: boolean;
  /** Dependents stay when a client deletes without saying what is to become of them. */
  readonly orphansByDefault?: boolean;
  /** A finalizer that objects get when their deletion begins: there is something to clean up first. */
  readonly cleanupFinalizer?: string;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeletedObject?: boolean;
  /** Objects vanish so long after their last write. */
  readonly ttlSeconds?: number;
  /** What field selectors may name besides metadata.name and metadata.namespace. */
  readonly selectableFields?: FieldReaders<T>;
  /** The one of them by which most watches select; they are woken by objects with their value only. */
  readonly triggerField?: string;

  /** Defaults that the schema cannot express. Idempotent; runs on whatever a client sends. */
  setDefaults?(object: T): void;
  /** Removes what a client may not set at creation; the initial status. */
  prepareForCreate?(object: T, user: UserInfo): void;
  /** Carries over what an update of the main resource may not touch; status is carried over already. */
  prepareForUpdate?(object: T, before: T): void;
  /** What a subresource may not touch, by its name; all but status and metadata is carried over already. */
  readonly prepareSubresourceUpdate?: Readonly<Record<string, (object: T, before: T, nowMs: number) => void>>;
  /** The subresources that change a part of the kind's own, by their names. */
  readonly subresources?: Readonly<Record<string, SubresourceRules<T>>>;
  validate(object: T, violations: Violations): void;
  /** What is asked of new objects only; `validate` has already run. */
  validateCreate?(object: T, violations: Violations): void;
  /** Checks a change; `validate` has already run on the new object. */
  validateUpdate?(object: T, before: T, violations: Violations): void;
  validateStatusUpdate?(object: T, before: T, violations: Violations): void;
  /** Hints for the user; the object is written all the same. */
  warnings?(object: T, before?: T): readonly string[];
  /** How long this object gets to end in peace; absent where deletion is at once. 0 deletes now. */
  gracePeriodSeconds?(object: T, requestedSeconds: number | undefined): number;
  /** Marks the object, besides `deletionTimestamp`, when its deletion begins. */
  markDeleting?(object: T, nowMs: number): void;
  /** Keeps an object that is being deleted alive although its finalizers are gone. */
  isHeld?(object: T): boolean;
  /** Whether an update may be the end of an object that is being deleted; by default when its grace is over. */
  mayEndByUpdate?(before: T): boolean;
  /** Takes what the object needs from shared pools and writes it into `object`. Throws Invalid. */
  reserve?(object: T, before: T | undefined, options?: ReserveOptions): Promise<Reservation>;
  /** The object is gone from the store. */
  released?(object: T): Promise<void>;
}

/** For a resource that is computed when somebody asks (see `computed/`): nothing is ever stored. */
export function computedStrategy(definition: unknown): Strategy {
  return { definition: definition as ResourceDefinition, validate: () => undefined };
}
