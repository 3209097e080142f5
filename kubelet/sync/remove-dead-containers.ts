/**
 * Keeps the runtime tidy while a Pod lives: of each container the newest one and the last dead one stay (for
 * `kubectl logs --previous`), and a sandbox that was replaced goes with all that is in it.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { removeLog } from '../logs/rotated-files.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { ContainerRuntimeState, PodRuntime } from '../runtime-state/pod-runtime.js';
import type { PodServices } from './pod-services.js';

/** Pure: which containers are of no use any more. */
export function superfluousContainers(runtime: PodRuntime): readonly ContainerRuntimeState[] {
  const kept = new Map<string, number>();
  return runtime.containers.filter(({ name, state }) => {
    const rank = kept.get(name) ?? 0;
    kept.set(name, rank + 1);
    return rank >= 2 && state !== 'running';
  });
}

export async function removeDeadContainers(
  services: PodServices,
  pod: Pod,
  runtime: PodRuntime,
): Promise<void> {
  const current = readySandbox(runtime);
  const obsolete = superfluousContainers(runtime);
  const oldSandboxes = current === undefined ? [] : runtime.sandboxes.filter(({ id }) => id !== current.id);
  if (obsolete.length + oldSandboxes.length === 0) return;
  // What is removed here may be the only source of a state that is not published yet.
  await services.statuses.flush(pod.metadata.uid);
  for (const container of obsolete) {
    await services.runtime.removeContainer(container.id);
    if (container.logPath !== '') await removeLog(container.logPath);
  }
  for (const sandbox of oldSandboxes) {
    await services.runtime.stopPodSandbox(sandbox.id);
    await services.runtime.removePodSandbox(sandbox.id);
  }
}
