/** Finds what a request speaks of: a Pod of this node, its sandbox, one of its containers. */
import type { Pod } from '../../api/generated/core-v1.js';
import { latestContainer, readySandbox } from '../runtime-state/pod-runtime.js';
import type { ContainerRuntimeState, PodRuntime } from '../runtime-state/pod-runtime.js';
import type { RuntimeState } from '../runtime-state/runtime-state.js';

export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface PodLookupOptions {
  readonly pods: () => readonly Pod[];
  readonly runtimeState: RuntimeState;
}

/** Every method rejects with {@link HttpError} when there is no such thing. */
export class PodLookup {
  readonly #options: PodLookupOptions;

  constructor(options: PodLookupOptions) {
    this.#options = options;
  }

  pods(): readonly Pod[] {
    return this.#options.pods();
  }

  pod(namespace: string, name: string): Pod {
    const found = this.pods().find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    );
    if (found === undefined) throw new HttpError(404, `pod "${name}" not found in namespace "${namespace}"`);
    return found;
  }

  async sandboxId(namespace: string, name: string): Promise<string> {
    const sandbox = readySandbox(await this.#inspect(this.pod(namespace, name)));
    if (sandbox === undefined) throw new HttpError(404, `pod "${name}" has no running sandbox`);
    return sandbox.id;
  }

  async runningContainerId(namespace: string, name: string, container: string): Promise<string> {
    const pod = this.pod(namespace, name);
    const now = latestContainer(await this.#inspect(pod), checkedName(pod, container));
    if (now?.state !== 'running')
      throw new HttpError(404, `container "${container}" of pod "${name}" is not running`);
    return now.id;
  }

  /** The container whose log is wanted: the newest one, or the one before it. */
  async containerForLogs(pod: Pod, container: string, previous: boolean): Promise<ContainerRuntimeState> {
    const { name } = pod.metadata;
    checkedName(pod, container);
    const all = (await this.#inspect(pod)).containers.filter((one) => one.name === container);
    const started = all.filter(({ state }) => state === 'running' || state === 'exited');
    if (previous) {
      const before = started.filter(({ state }) => state === 'exited');
      const wanted = started[0]?.state === 'running' ? before[0] : before[1];
      if (wanted !== undefined) return wanted;
      throw new HttpError(400, `previous terminated container "${container}" in pod "${name}" not found`);
    }
    if (started[0] !== undefined) return started[0];
    throw new HttpError(
      400,
      `container "${container}" in pod "${name}" is waiting to start: ${waitingReason(pod, container)}`,
    );
  }

  /** Whether this very container runs; asked of the runtime only after something about its Pod changed. */
  follow(
    pod: Pod,
    containerId: string,
  ): { isRunning(): Promise<boolean>; onChange(listener: () => void): () => void } {
    let known: boolean | undefined;
    return {
      isRunning: async () => {
        known ??= (await this.#inspect(pod)).containers.some(
          ({ id, state }) => id === containerId && state === 'running',
        );
        return known;
      },
      onChange: (listener) =>
        this.#options.runtimeState.onChange((uid) => {
          if (uid !== pod.metadata.uid) return;
          known = undefined;
          listener();
        }),
    };
  }

  async #inspect(pod: Pod): Promise<PodRuntime> {
    const { uid, namespace, name } = pod.metadata;
    return this.#options.runtimeState.inspect({ uid, namespace, name });
  }
}

function checkedName(pod: Pod, container: string): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  if (all.some(({ name }) => name === container)) return container;
  throw new HttpError(400, `container ${container} is not valid for pod ${pod.metadata.name}`);
}

function waitingReason(pod: Pod, container: string): string {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status;
  const statuses = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  return statuses.find(({ name }) => name === container)?.state?.waiting?.reason ?? 'ContainerCreating';
}
