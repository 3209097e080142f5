/** Ends containers the way they asked for: preStop, SIGTERM, and SIGKILL when their time is over. */
import type { Pod } from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';
import { runHook } from '../containers/lifecycle-hooks.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import type { PodServices } from './pod-services.js';

export interface StopRequest {
  readonly containerId: string;
  readonly containerName: string;
  readonly gracePeriodSeconds: number;
  /** The text of the Event `Killing`. */
  readonly message: string;
}

/** Resolves when the container has ended. */
export async function stopContainer(
  services: PodServices,
  pod: Pod,
  podIp: string,
  request: StopRequest,
  signal?: AbortSignal,
): Promise<void> {
  const { runtime, clock, recorder, log } = services;
  const { containerId, containerName, gracePeriodSeconds } = request;
  const began = clock.monotonicMs();
  recorder.event(pod, 'Normal', 'Killing', request.message);
  const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
    ({ name }) => name === containerName,
  );
  const hook = container?.lifecycle?.preStop;
  if (container !== undefined && hook !== undefined && gracePeriodSeconds > 0) {
    try {
      await runHook(
        hook,
        { runtime, container, containerId, podIp, clock },
        { timeoutSeconds: gracePeriodSeconds, clock, signal: signal ?? new AbortController().signal },
      );
    } catch (error) {
      // A failed hook does not save the container.
      log.info('a preStop hook failed', { container: containerName, err: error });
      recorder.event(pod, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${String(error)}`);
    }
  }
  // A kubelet that stops leaves the container its time: the next one goes on.
  signal?.throwIfAborted();
  const used = (clock.monotonicMs() - began) / 1000;
  // The hook's time counts, but a process always gets a moment to end.
  const left = gracePeriodSeconds === 0 ? 0 : Math.max(2, Math.ceil(gracePeriodSeconds - used));
  const seconds = Math.min(left, Math.max(gracePeriodSeconds, 0));
  await runtime.stopContainer(containerId, seconds, signal, container?.lifecycle?.stopSignal);
}

/** Ends all containers of a Pod: the regular ones together, then the sidecars, the last one first. */
export async function stopAllContainers(
  services: PodServices,
  pod: Pod,
  runtime: PodRuntime,
  gracePeriodSeconds: number,
  signal?: AbortSignal,
): Promise<void> {
  const podIp = readySandbox(runtime)?.ips[0] ?? services.node.ip;
  const began = services.clock.monotonicMs();
  const running = runtime.containers.filter(({ state }) => state === 'running' || state === 'unknown');
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const request = (container: (typeof running)[number]): StopRequest => {
    const used = (services.clock.monotonicMs() - began) / 1000;
    return {
      containerId: container.id,
      containerName: container.name,
      gracePeriodSeconds: Math.max(0, Math.ceil(gracePeriodSeconds - used)),
      message: `Stopping container ${container.name}`,
    };
  };
  const regular = running.filter(({ name }) => !sidecars.includes(name));
  await Promise.all(
    regular.map((container) => stopContainer(services, pod, podIp, request(container), signal)),
  );
  for (const name of sidecars.reverse()) {
    for (const container of running.filter((one) => one.name === name))
      await stopContainer(services, pod, podIp, request(container), signal);
  }
}
