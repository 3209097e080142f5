/** Pods from the apiserver: those that are bound to this node, handed to the workers as they change. */
import type { Pod } from '../../api/generated/core-v1.js';
import type { Informer } from '../../client/types.js';

export interface PodSink {
  update(pod: Pod): void;
  remove(pod: Pod): void;
}

/** The informer must be limited to this node. The returned function ends it. */
export function followPods(informer: Informer<Pod>, sink: PodSink): () => void {
  return informer.addHandler({
    onAdd: (pod) => {
      sink.update(pod);
    },
    onUpdate: (before, pod) => {
      // The same name, another Pod: the old one was deleted while nobody watched.
      if (before.metadata.uid !== pod.metadata.uid) sink.remove(before);
      sink.update(pod);
    },
    onDelete: (pod) => {
      sink.remove(pod);
    },
  });
}
