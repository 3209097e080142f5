/** The end of a Pod: containers, sandbox, volumes, cgroup and logs, in this order, until nothing is left. */
import { rm } from 'node:fs/promises';
import type { Pod } from '../../api/generated/core-v1.js';
import { computePodStatus } from '../status/compute-pod-status.js';
import type { WaitingReason } from './pod-actions.js';
import type { PodServices } from './pod-services.js';
import { stopAllContainers } from './stop-containers.js';

export interface TerminateOptions {
  readonly gracePeriodSeconds: number;
  /** Tell the apiserver how the containers ended. */
  readonly publish: boolean;
  readonly errors: ReadonlyMap<string, WaitingReason>;
  /** Aborts the waiting for containers, to begin anew with a shorter time. */
  readonly signal: AbortSignal;
}

/** Idempotent: may be repeated after any failure. */
export async function terminatePod(
  services: PodServices,
  pod: Pod,
  options: TerminateOptions,
): Promise<void> {
  const { runtime, runtimeState, probes, statuses, volumes, cgroups, folders, clock, node, resizes } =
    services;
  const { uid, namespace, name } = pod.metadata;
  const known = { uid, namespace, name };
  const before = await runtimeState.inspect(known, options.signal);
  await stopAllContainers(services, pod, before, options.gracePeriodSeconds, options.signal);
  await Promise.all(before.sandboxes.map(({ id }) => runtime.stopPodSandbox(id)));
  probes.forget(uid);
  const after = await runtimeState.inspect(known);
  if (options.publish) {
    const status = computePodStatus({
      pod,
      runtime: after,
      previous: statuses.current(pod),
      waiting: options.errors,
      readiness: probes,
      nowMs: clock.now(),
      hostIp: node.ip,
      runtimeName: node.runtime.runtimeName,
      actuated: resizes.actuated(uid),
      resize: {},
      ending: true,
      failure: undefined,
    });
    statuses.publish(pod, status);
  }
  await Promise.all(after.sandboxes.map(({ id }) => runtime.removePodSandbox(id)));
  // Containers whose sandbox was removed by somebody else.
  const left = await runtimeState.inspect(known);
  await Promise.all(left.containers.map(({ id }) => runtime.removeContainer(id)));
  await volumes.tearDown(uid);
  await cgroups.remove(uid);
  await rm(folders.logs(pod), { recursive: true, force: true });
  await runtimeState.inspect(known);
  await statuses.flush(uid);
}
