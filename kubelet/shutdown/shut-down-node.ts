/**
 * Ends all Pods because the machine goes down, and tells why.
 *
 * Kubernetes' kubelet holds systemd's shutdown up by an inhibitor lock and hears of it over D-Bus. This one hears of it
 * when systemd stops it (SIGTERM) while the machine is going down, and must be given the time by its unit
 * (TimeoutStopSec).
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { EndOrder } from '../admission/end-order.js';
import type { ShutdownGracePeriod } from '../config/keys/node.js';
import { planShutdown } from './plan-shutdown.js';

export interface ShutdownOptions {
  readonly periods: readonly ShutdownGracePeriod[];
  readonly activePods: () => readonly Pod[];
  /** Resolves when nothing of the Pod runs any more. */
  readonly endPod: (uid: string, order: EndOrder) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when all Pods have ended, or have had their time. */
export async function shutDownNode(options: ShutdownOptions): Promise<void> {
  const { periods, activePods, endPod, clock, log } = options;
  for (const { periodSeconds, pods } of planShutdown(activePods(), periods)) {
    log.info('the node goes down, ending pods', { count: pods.length, periodSeconds });
    const ended = pods.map(({ pod, gracePeriodSeconds }) =>
      endPod(pod.metadata.uid, {
        reason: 'Terminated',
        message: 'Pod was terminated in response to imminent node shutdown.',
        isDisruption: true,
        gracePeriodSeconds,
      }),
    );
    const over = new AbortController();
    await Promise.race([Promise.all(ended), sleep(clock, periodSeconds * 1000, over.signal)]);
    over.abort();
  }
}
