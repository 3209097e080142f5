/** What a watcher with a selector sees of a change: objects come into sight and go out of it. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceEvent } from '../storage/resource-watch.js';
import type { StoredObject, WatchEventType } from '../storage/stored-object.js';

export interface SeenEvent {
  readonly type: WatchEventType;
  readonly object: StoredObject;
}

/**
 * Pure. Undefined when the watcher sees nothing: neither the old nor the new state is selected. An object that
 * leaves the selection is DELETED in its last selected state, with the revision of the change.
 */
export function selectEvent(
  event: ResourceEvent<KubernetesObject>,
  matches: (object: StoredObject) => boolean,
  departed: (previous: StoredObject, revision: number) => StoredObject,
): SeenEvent | undefined {
  const { current, previous } = event;
  const was = previous !== undefined && matches(previous);
  if (event.type === 'delete') return was ? { type: 'DELETED', object: current } : undefined;
  if (matches(current)) return { type: was ? 'MODIFIED' : 'ADDED', object: current };
  return was ? { type: 'DELETED', object: departed(previous, current.revision) } : undefined;
}
