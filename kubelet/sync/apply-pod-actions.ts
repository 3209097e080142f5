/** Carries out what `computePodActions` decided. What fails is told in the result, so that the rest still happens. */
import type { Pod } from '../../api/generated/core-v1.js';
import { isCriError } from '../cri/runtime.js';
import type { RuntimeImage } from '../cri/runtime.js';
import { ImageError } from '../images/image-error.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import { VolumeError } from '../volumes/volume-plugin.js';
import type { PodActions, StartAction, WaitingReason } from './pod-actions.js';
import type { PodServices } from './pod-services.js';
import { podFacts } from './pod-services.js';
import { sandboxConfigFor, startSandbox, writeHostsFile } from './start-sandbox.js';
import { StartContainerError, containerTypeOf, startContainer } from './start-container.js';
import type { ReadyPod } from './start-container.js';
import { stopAllContainers, stopContainer } from './stop-containers.js';
import { unlessAborted } from './unless-aborted.js';

export interface ApplyResult {
  /** Containers that could not be started, by name. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  /** Something failed that may work later. */
  readonly failed: boolean;
  /** The earliest time at which trying again makes sense, where that is known. */
  readonly retryAtMs: number | undefined;
}

/** Rejects only when the signal aborted. One call a Pod at a time. */
export async function applyPodActions(
  services: PodServices,
  pod: Pod,
  runtime: PodRuntime,
  actions: PodActions,
  signal: AbortSignal,
): Promise<ApplyResult> {
  const podIp = readySandbox(runtime)?.ips[0] ?? services.node.ip;
  if (actions.finished) {
    const ordered = actions.failure?.gracePeriodSeconds;
    const graceSeconds = ordered ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    await stopAllContainers(services, pod, runtime, graceSeconds, signal);
  } else {
    await Promise.all(
      actions.stopContainers.map((stop) => stopContainer(services, pod, podIp, stop, signal)),
    );
  }
  await Promise.all(actions.stopSandboxes.map((id) => services.runtime.stopPodSandbox(id)));
  if (actions.startContainers.length === 0 && actions.createSandbox === undefined)
    return { waiting: new Map(), failed: false, retryAtMs: undefined };
  signal.throwIfAborted();
  return new Starter(services, pod, signal).start(actions);
}

/** One round of starts. */
class Starter {
  readonly #services: PodServices;
  readonly #pod: Pod;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<string, WaitingReason>();
  #failed = false;
  #retryAtMs: number | undefined;

  constructor(services: PodServices, pod: Pod, signal: AbortSignal) {
    this.#services = services;
    this.#pod = pod;
    this.#signal = signal;
  }

  async start(actions: PodActions): Promise<ApplyResult> {
    // None of these needs the others: the slowest one sets the time.
    const images = new Map(actions.startContainers.map((start) => [start, this.#image(start)]));
    const sandboxWork = this.#sandbox(actions);
    const volumesWork = this.#volumes();
    // All of them must have ended before anybody may decide anew, also when one of them was broken off.
    await Promise.allSettled([sandboxWork, volumesWork, ...images.values()]);
    const [sandbox, volumes] = await Promise.all([sandboxWork, volumesWork]);
    if (sandbox !== undefined && volumes !== undefined) {
      const hostsFile = await writeHostsFile(this.#services, this.#pod, sandbox.podIps);
      const ready: ReadyPod = { pod: this.#pod, ...sandbox, volumes, hostsFile };
      for (const [start, image] of images) await this.#container(ready, start, await image);
    }
    this.#signal.throwIfAborted();
    return { waiting: this.#waiting, failed: this.#failed, retryAtMs: this.#retryAtMs };
  }

  async #sandbox(
    actions: PodActions,
  ): Promise<Pick<ReadyPod, 'sandboxId' | 'sandboxConfig' | 'podIps'> | undefined> {
    const { runtimeState, node } = this.#services;
    const pod = this.#pod;
    try {
      const attempt = actions.createSandbox?.attempt ?? actions.sandbox?.attempt ?? 0;
      const sandboxConfig = await sandboxConfigFor(this.#services, pod, attempt);
      if (actions.sandbox !== undefined) {
        const { id, ips } = actions.sandbox;
        return { sandboxId: id, sandboxConfig, podIps: ips.length > 0 ? ips : [node.ip] };
      }
      const sandboxId = await startSandbox(this.#services, pod, sandboxConfig, this.#signal);
      const { ips } = await runtimeState.inspectNewSandbox(sandboxId);
      return { sandboxId, sandboxConfig, podIps: pod.spec.hostNetwork === true ? [node.ip] : ips };
    } catch (error) {
      if (error === this.#signal.reason) throw error;
      this.#fail(error, 'a sandbox could not be made');
      const text = `Failed to create pod sandbox: ${messageOf(error)}`;
      this.#services.recorder.event(pod, 'Warning', 'FailedCreatePodSandBox', text);
      return undefined;
    }
  }

  async #volumes(): Promise<ReadyPod['volumes'] | undefined> {
    try {
      const facts = podFacts(this.#services, []);
      const work = this.#services.volumes.setUp(this.#pod, facts, this.#signal);
      return await unlessAborted(work, this.#signal);
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      this.#fail(error, 'a volume could not be mounted');
      this.#services.recorder.event(this.#pod, 'Warning', 'FailedMount', error.message);
      return undefined;
    }
  }

  /** Undefined when the image is not there; why is noted for the container. */
  async #image({ container }: StartAction): Promise<RuntimeImage | undefined> {
    try {
      return await this.#services.images.ensure(this.#pod, container, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return undefined;
      if (error instanceof ImageError) {
        this.#waiting.set(container.name, { reason: error.reason, message: error.message });
        this.#retryAt(error.retryAtMs);
        this.#failed = true;
        return undefined;
      }
      if (!isCriError(error)) throw error;
      this.#waiting.set(container.name, { reason: 'ImageInspectError', message: error.message });
      this.#fail(error, 'an image could not be inspected');
      return undefined;
    }
  }

  async #container(ready: ReadyPod, start: StartAction, image: RuntimeImage | undefined): Promise<void> {
    if (image === undefined || this.#signal.aborted) return;
    try {
      await startContainer(this.#services, ready, start, image, this.#signal);
    } catch (error) {
      if (!(error instanceof StartContainerError)) throw error;
      const type = containerTypeOf(this.#pod, start.container.name);
      this.#services.metrics.containerNotStarted(type, error.reason);
      this.#waiting.set(start.container.name, { reason: error.reason, message: error.message });
      this.#services.recorder.event(this.#pod, 'Warning', 'Failed', `Error: ${error.message}`);
      this.#fail(error, 'a container could not be started');
    }
  }

  #retryAt(timeMs: number | undefined): void {
    if (timeMs !== undefined) this.#retryAtMs = Math.min(timeMs, this.#retryAtMs ?? timeMs);
  }

  #fail(error: unknown, what: string): void {
    this.#failed = true;
    const { namespace, name } = this.#pod.metadata;
    this.#services.log.warn(what, { pod: `${namespace}/${name}`, err: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
