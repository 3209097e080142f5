/** Removes the containers of Pods that are over: their logs can no longer be read, but the node needs the room. */
import type { Pod } from '../../api/generated/core-v1.js';
import { isPodTerminal } from '../../api/pod-helpers.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import type { RuntimeState } from '../runtime-state/runtime-state.js';
import type { StatusManager } from '../status/status-manager.js';

export interface ContainerCollectorParts {
  readonly runtime: ContainerRuntime;
  readonly runtimeState: RuntimeState;
  readonly statuses: StatusManager;
}

/** Of Pods that live on, the worker keeps each container's last one itself. Rejects with CriError. */
export async function removeContainersOfEndedPods(
  { runtime, runtimeState, statuses }: ContainerCollectorParts,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  for (const pod of pods) {
    if (!isPodTerminal({ ...pod, status: statuses.current(pod) })) continue;
    const { uid, namespace, name } = pod.metadata;
    const left = await runtimeState.inspect({ uid, namespace, name }, signal);
    if (left.containers.some(({ state }) => state === 'running')) continue;
    // What is removed here may be the only source of a state that is not published yet.
    await statuses.flush(uid);
    for (const { id } of left.sandboxes) await runtime.removePodSandbox(id, signal);
    for (const { id } of left.containers) await runtime.removeContainer(id, signal);
  }
}
