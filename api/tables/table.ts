/** Server-side printing: the `meta.k8s.io` Table behind `kubectl get`. */
import type { ListMeta, Table } from '../generated/meta-v1.js';
import type { KubernetesObject } from '../objects.js';
import type { ResourceDefinition } from '../resources.js';

export interface TableForOptions {
  /** What stands in each row's `object`: PartialObjectMetadata by default. */
  readonly includeObject?: 'None' | 'Metadata' | 'Object';
  readonly listMeta?: ListMeta;
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
  readonly version?: 'v1' | 'v1beta1';
  /** Leaves the column definitions out: later events of a watch. */
  readonly noHeaders?: boolean;
}

/** A Table (its apiVersion may be v1beta1, by options) of these objects, one row each, in order. */
export function tableFor(
  _definition: ResourceDefinition,
  _objects: readonly KubernetesObject[],
  _options: TableForOptions,
): Table {
  throw new Error('under construction');
}
