/** What `/runningpods/` answers: what runs here as the runtime has it, whoever wanted it. Pure. */
import { labels } from '../containers/names.js';
import type { RuntimeContainer, Sandbox } from '../cri/runtime.js';

type Json = Readonly<Record<string, unknown>>;

/** A PodList with names and images alone: the runtime knows no more of what its Pods are. */
export function runningPods(sandboxes: readonly Sandbox[], containers: readonly RuntimeContainer[]): Json {
  const items = sandboxes.flatMap(({ id, metadata: { uid, name, namespace }, state }) => {
    const own = containers.filter((one) => one.sandboxId === id && one.state === 'running');
    if (own.length === 0 && state !== 'ready') return [];
    return [
      {
        metadata: { name, namespace, uid, creationTimestamp: null },
        spec: {
          containers: own.map((one) => ({
            name: one.labels[labels.containerName] ?? one.metadata.name,
            image: one.imageRef,
            resources: {},
          })),
        },
        status: {},
      },
    ];
  });
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}
