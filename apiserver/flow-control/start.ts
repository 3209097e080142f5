/** Puts the limiter together that the flags ask for. */
import type { Registry } from 'prom-client';
import { UsageError } from '../../common/usage-error.js';
import { untilStoreAnswers } from '../bootstrap/until-store-answers.js';
import { ensureFlowControlObjects, maintainFlowControlObjects } from '../bootstrap/flow-control-objects.js';
import type { ServerParts } from '../handlers/context.js';
import { createFlowControlMetrics } from './flow-control-metrics.js';
import { FlowController } from './flow-controller.js';
import { followConfiguration, loadConfiguration } from './follow-configuration.js';
import { MaxInFlight } from './max-in-flight.js';
import type { RequestLimiter } from './request-limiter.js';
import { PriorityAndFairness } from './request-limiter.js';
import { Turns } from './turns.js';

export interface FlowControlOptions {
  /** Priority levels and fair queues; otherwise plain limits. */
  readonly enabled: boolean;
  /** Requests at once. Their sum is what priority levels share; on their own, 0 is no limit. */
  readonly maxReadOnly: number;
  readonly maxMutating: number;
}

export const defaultFlowControl: FlowControlOptions = { enabled: true, maxReadOnly: 400, maxMutating: 200 };

export interface FlowControl {
  readonly limiter: RequestLimiter;
  /** There when priority and fairness is on. */
  readonly controller?: FlowController;
  /** Shares out the beginning of requests among connections, before anybody knows whose they are. */
  readonly intake?: (connection: object) => Promise<void> | undefined;
  /** Resolves when nothing runs any more, after `parts.stopping` has aborted. */
  readonly running: Promise<void>;
}

/** Resolves when the limiter knows the objects of the cluster. The watch cache has to be ready. Throws UsageError. */
export async function startFlowControl(
  parts: ServerParts,
  { enabled, maxReadOnly, maxMutating }: FlowControlOptions,
  registry: Registry,
): Promise<FlowControl> {
  if (!enabled)
    return {
      limiter: new MaxInFlight({ readOnly: maxReadOnly, mutating: maxMutating }),
      running: Promise.resolve(),
    };
  const serverSeats = maxReadOnly + maxMutating;
  if (serverSeats === 0)
    throw new UsageError(
      '--max-requests-inflight and --max-mutating-requests-inflight are both 0: priority levels would have nothing to share; set one, or --enable-priority-and-fairness=false',
    );
  const metrics = createFlowControlMetrics(registry);
  const controller = new FlowController({ serverSeats, clock: parts.clock, metrics });
  const { stopping } = parts;
  await untilStoreAnswers(parts, async () => {
    await ensureFlowControlObjects(parts);
    await loadConfiguration(parts, controller, stopping);
  });
  const running = Promise.all([
    controller.run(stopping),
    followConfiguration(parts, controller, stopping),
    maintainFlowControlObjects(parts, stopping),
  ]).then(() => undefined);
  const turns = new Turns();
  return {
    limiter: new PriorityAndFairness(controller, turns),
    controller,
    // Connections and flows share the same turns: a request is begun in one and worked on in others.
    intake: (connection) => turns.take(connection),
    running,
  };
}
