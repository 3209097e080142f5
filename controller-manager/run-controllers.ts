/** Puts client, informers, events and the chosen controllers together and runs them until the signal aborts. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import type { Clock } from '../common/clock.js';
import { systemClock } from '../common/clock.js';
import { gaugeFamily } from '../common/metric-cells.js';
import { UsageError } from '../common/usage-error.js';
import type { Logger } from '../common/log.js';
import { createEventBroadcaster } from '../client/event-recorder.js';
import { createInformerFactory } from '../client/informer.js';
import type { ApiClient } from '../client/types.js';
import { createWorkQueueMetrics } from '../client/work-queue-metrics.js';
import type { ControllerDefinition, ControllerManagerSettings } from './controller-definition.js';

export interface RunControllersOptions {
  readonly client: ApiClient;
  readonly definitions: readonly ControllerDefinition[];
  readonly settings: ControllerManagerSettings;
  readonly log: Logger;
  /** What the controllers show of themselves; nobody sees it unless told. */
  readonly metrics?: Registry;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/**
 * Runs until the signal aborts. When one part fails, all others are stopped and awaited, and the failure is thrown:
 * half a controller manager would look healthy and not be.
 */
export async function runControllers(options: RunControllersOptions, signal: AbortSignal): Promise<void> {
  const { client, log, metrics = new Registry(), clock = systemClock, random = Math.random } = options;
  const informers = createInformerFactory({ client, log, clock, random });
  const broadcaster = createEventBroadcaster({ client, log, clock });
  const eventRecorder = (component: string) => broadcaster.recorder(component, hostname());
  const { settings } = options;
  const queueMetrics = createWorkQueueMetrics(metrics);
  const context = { client, informers, log, clock, random, settings, metrics, queueMetrics, eventRecorder };
  const controllers = options.definitions.map((definition) => definition.create(context));
  const running = gaugeFamily(metrics, {
    name: 'running_managed_controllers',
    help: 'Controllers that run in this process.',
    labelNames: ['name', 'manager'],
  });
  for (const { name } of options.definitions) running.with(name, 'kube-controller-manager').set(1);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const stopAll = (): void => {
    stop.abort(signal.reason);
  };
  signal.addEventListener('abort', stopAll, { once: true });
  if (signal.aborted) stopAll();
  const parts = [informers, broadcaster, ...controllers].map(async (part) => {
    try {
      await part.run(stop.signal);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  const ended = await Promise.allSettled(parts);
  signal.removeEventListener('abort', stopAll);
  for (const result of ended) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/** The controllers that `--controllers` names: `*`, or names; `-name` leaves one out. Throws UsageError for others. */
export function chooseControllers(
  definitions: readonly ControllerDefinition[],
  choice: string,
): readonly ControllerDefinition[] {
  const words = choice.split(',').map((word) => word.trim());
  const known = new Set(definitions.map(({ name }) => name));
  for (const word of words) {
    const name = word.replace(/^-/, '');
    if (name !== '*' && !known.has(name)) {
      throw new UsageError(`--controllers: there is no controller "${name}", only ${[...known].join(', ')}`);
    }
  }
  return definitions.filter(
    ({ name }) => !words.includes(`-${name}`) && (words.includes('*') || words.includes(name)),
  );
}
