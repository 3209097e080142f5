#!/usr/bin/env node
/** kube-scheduler: finds a node for each Pod that has none. See plugins/registry.ts for what decides. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock } from '../common/clock.js';
import { runComponent, serveHealth } from '../common/component.js';
import type { ComponentContext } from '../common/component.js';
import { createClientMetrics } from '../client/client-metrics.js';
import { createEventBroadcaster } from '../client/event-recorder.js';
import { createInformerFactory } from '../client/informer.js';
import { createRestClient } from '../client/rest-client.js';
import type { LeaderElectionOptions } from '../client/leader-election.js';
import { waitForServer } from '../client/wait-for-server.js';
import { declareFlags, settingsOf } from './flags.js';
import type { SchedulerFlags } from './flags.js';
import { createMetrics } from './metrics.js';
import { createPlugins } from './plugins/registry.js';
import { Scheduler } from './scheduler.js';

const schedulerName = 'default-scheduler';

async function run(flags: SchedulerFlags, context: ComponentContext): Promise<void> {
  const { log, signal, metrics } = context;
  const settings = settingsOf(flags);
  const clientMetrics = createClientMetrics(metrics);
  const client = createRestClient({
    connection: { kubeconfig: flags.kubeconfig },
    userAgent: 'knarr-scheduler',
    metrics: clientMetrics,
  });
  const informers = createInformerFactory({ client, log });
  const broadcaster = createEventBroadcaster({ client, log });
  const scheduler = new Scheduler({
    client,
    informers,
    recorder: broadcaster.recorder(schedulerName),
    createPlugins,
    log,
    clock: systemClock,
    random: Math.random,
    schedulerName,
  });
  scheduler.useMetrics(createMetrics(metrics, schedulerName, scheduler.state, systemClock));
  const health = await serveHealth({
    host: settings.host,
    port: settings.port,
    metrics,
    ready: {
      apiserver: async () => {
        await client.raw('/readyz', AbortSignal.timeout(5_000));
      },
      caches: () => {
        if (!scheduler.synced && !settings.leaderElect)
          throw new Error('nodes and pods have not been listed yet');
      },
    },
    ...(settings.tls === undefined ? {} : { tls: settings.tls }),
  });
  const work = (until: AbortSignal): Promise<void> => runTogether([informers, broadcaster, scheduler], until);
  try {
    await waitForServer({ client, log, signal });
    if (signal.aborted) return;
    if (settings.leaderElect) await lead({ client, metrics: clientMetrics, log }, work, signal);
    else await work(signal);
  } finally {
    health.close();
    await client.close();
  }
}

async function lead(
  shared: Pick<LeaderElectionOptions, 'client' | 'metrics' | 'log'>,
  work: (until: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { runAsLeader } = await import('../client/leader-election.js');
  const lease = { namespace: 'kube-system', name: 'kube-scheduler' };
  await runAsLeader({ ...shared, lease, identity: `${hostname()}_${randomUUID()}` }, work, signal);
}

/** Runs all parts until the signal aborts. When one fails, the others are stopped and awaited, and it rejects. */
async function runTogether(
  parts: readonly { run(signal: AbortSignal): Promise<void> }[],
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const ended = await Promise.allSettled(
    parts.map(async (part) => {
      try {
        await part.run(both);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    }),
  );
  for (const result of ended) {
    if (result.status === 'rejected') throw result.reason;
  }
}

await runComponent<SchedulerFlags>({
  name: 'scheduler',
  description: 'Finds a node for each pod that has none.',
  flags: declareFlags,
  run,
});
