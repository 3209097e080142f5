/**
 * Two versions of one kind: objects are stored in one of them and served in both.
 *
 * A conversion loses nothing: what one version has no field for goes into annotations of the object and comes back from there.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';

/** Pure functions on objects that are the caller's own; what they return may share parts with what they got. */
export interface VersionConversion<
  T extends KubernetesObject = KubernetesObject,
  Stored extends KubernetesObject = KubernetesObject,
> {
  readonly storedAs: ResourceDefinition<Stored>;
  /** What is stored in the served version is converted as well: reading prunes it and fills in defaults. */
  readonly convertsAlways?: boolean;
  toStored(object: T): Stored;
  fromStored(stored: Stored): T;
}
