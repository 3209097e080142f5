/** Stops every pod of a runtime: what a node does when it is taken down and nobody may be there to ask. */
import { annotations } from '../containers/names.js';
import type { ContainerRuntime } from '../cri/runtime.js';

export interface StopPodsOptions {
  /** How long containers get between SIGTERM and SIGKILL at most; less where their pod says so. */
  readonly gracePeriodSeconds: number;
  /** Also remove the sandboxes and their containers. */
  readonly remove: boolean;
  /** How many pods are stopped at a time. */
  readonly parallel: number;
  readonly signal: AbortSignal;
}

export interface StoppedPods {
  readonly stopped: number;
  /** `namespace/name: why`, for each pod that could not be stopped. */
  readonly failed: readonly string[];
}

/**
 * Stops the containers of each ready sandbox, then the sandbox, so that its network is taken down as well. One
 * pod's failure does not keep the others running. Idempotent.
 */
export async function stopPods(runtime: ContainerRuntime, options: StopPodsOptions): Promise<StoppedPods> {
  const { signal, remove } = options;
  const sandboxes = await runtime.listPodSandboxes(undefined, signal);
  const queue = sandboxes.filter(({ state }) => remove || state === 'ready');
  const failed: string[] = [];
  let stopped = 0;
  const work = async (): Promise<void> => {
    for (let sandbox = queue.pop(); sandbox !== undefined; sandbox = queue.pop()) {
      try {
        await stopOne(runtime, sandbox.id, options);
        stopped += 1;
      } catch (error) {
        const { namespace, name } = sandbox.metadata;
        failed.push(`${namespace}/${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, work));
  return { stopped, failed };
}

async function stopOne(runtime: ContainerRuntime, id: string, options: StopPodsOptions): Promise<void> {
  const { gracePeriodSeconds, signal } = options;
  const containers = await runtime.listContainers({ sandboxId: id }, signal);
  await Promise.all(
    containers
      .filter(({ state }) => state === 'running')
      .map(({ id: container, annotations: { [annotations.gracePeriod]: own } }) =>
        runtime.stopContainer(container, Math.min(Number(own ?? Infinity), gracePeriodSeconds), signal),
      ),
  );
  await runtime.stopPodSandbox(id, signal);
  if (options.remove) await runtime.removePodSandbox(id, signal);
}
