/** Changes of the cluster that may turn a Pod's rejection into an acceptance. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.js';
import type { StorageClass } from '../../api/generated/storage-v1.js';

export type ClusterEvent =
  | { readonly type: 'node-added'; readonly node: Node }
  | { readonly type: 'node-updated'; readonly before: Node; readonly node: Node }
  | { readonly type: 'node-removed'; readonly node: Node }
  /** A Pod got its place: by this scheduler, another one, or by hand. */
  | { readonly type: 'pod-assigned'; readonly pod: Pod }
  /** A Pod on a node was deleted or has ended: its resources and ports are free. */
  | { readonly type: 'pod-gone'; readonly pod: Pod }
  /** Labels or requests of a Pod on a node changed. */
  | { readonly type: 'pod-updated'; readonly before: Pod; readonly pod: Pod }
  /** A Pod on a node is through its start, or no longer in the way of others: it was admitted, or became ready. */
  | { readonly type: 'pod-started'; readonly pod: Pod }
  /** Made, changed or deleted. */
  | { readonly type: 'claim-changed'; readonly claim: PersistentVolumeClaim }
  | { readonly type: 'volume-changed'; readonly volume: PersistentVolume }
  | { readonly type: 'storage-class-changed'; readonly storageClass: StorageClass };

/**
 * Which changes a plugin wants to look at again after it has rejected a Pod. Without `mayHelp` every such change
 * counts; with it only those for which it answers true. It must answer true when in doubt: a Pod that is tried once
 * too often costs a millisecond, one that is forgotten waits for minutes.
 */
export interface EventInterest {
  readonly type: ClusterEvent['type'];
  readonly mayHelp?: (rejected: Pod, event: ClusterEvent) => boolean;
}
