/**
 * Init containers and sidecars, pure: one after the other, each only when the one before has done its work (an init
 * container) or has started (a sidecar, an init container that restarts always). A sidecar that dies later comes back
 * without holding anybody up.
 */
import { isSidecar } from '../../api/pod-helpers.js';
import { latestContainer } from '../runtime-state/pod-runtime.js';
import type { ActionPlan, CurrentContainer, PodActionsInput } from './action-plan.js';
import { willRestart } from './restart-policy.js';

/** `busy`: the containers after these must wait. `initialized`: those have been started already. */
export function planInitContainers(
  input: PodActionsInput,
  plan: ActionPlan,
  current: CurrentContainer,
  initialized: boolean,
): 'done' | 'busy' | 'failed' {
  const { spec } = input.pod;
  const all = spec.initContainers ?? [];
  for (const [index, container] of all.entries()) {
    const now = current(container.name);
    // What comes after it was begun already, so it had its turn, whatever the runtime still knows of it.
    const passed = initialized || all.slice(index + 1).some(({ name }) => current(name) !== undefined);
    if (isSidecar(container)) {
      if (now?.state === 'running') {
        plan.checkRunning(container, now);
        const started = container.startupProbe === undefined || input.probes.startup(now.id) === 'success';
        if (!started && !passed) return 'busy';
      } else {
        plan.start(container, latestContainer(input.runtime, container.name));
        if (!passed) return 'busy';
      }
      continue;
    }
    if (passed) continue;
    if (now === undefined) {
      plan.start(container, latestContainer(input.runtime, container.name));
      return 'busy';
    }
    if (now.state === 'running') return 'busy';
    if (now.state === 'exited' && now.exitCode === 0) continue;
    if (now.state === 'exited' && !willRestart(spec, container, now.exitCode)) return 'failed';
    plan.start(container, now);
    return 'busy';
  }
  return 'done';
}
