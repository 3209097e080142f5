#!/usr/bin/env node
/** kube-controller-manager: every loop that keeps the cluster's state as declared. See registry.ts for the loops. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { runComponent, serveHealth } from '../common/component.js';
import type { ComponentContext } from '../common/component.js';
import { readBoolean, readPort, readServingCertificate } from '../common/read-flags.js';
import { createClientMetrics } from '../client/client-metrics.js';
import { createRestClient } from '../client/rest-client.js';
import { waitForServer } from '../client/wait-for-server.js';
import { declareFlags, settingsOf } from './flags.js';
import type { ControllerManagerFlags } from './flags.js';
import { controllerDefinitions } from './registry.js';
import { chooseControllers, runControllers } from './run-controllers.js';

async function run(flags: ControllerManagerFlags, context: ComponentContext): Promise<void> {
  const { log, signal } = context;
  const settings = settingsOf(flags);
  const definitions = chooseControllers(controllerDefinitions, flags.controllers);
  const elect = readBoolean('--leader-elect', flags.leaderElect);
  const clientMetrics = createClientMetrics(context.metrics);
  const client = createRestClient({
    connection: { kubeconfig: flags.kubeconfig },
    userAgent: 'knarr-controller-manager',
    metrics: clientMetrics,
  });
  let working = false;
  const tls = readServingCertificate(flags);
  const health = await serveHealth({
    host: flags.bindAddress,
    port: readPort('--secure-port', flags.securePort),
    metrics: context.metrics,
    ready: {
      apiserver: async () => {
        await client.raw('/readyz', AbortSignal.timeout(5_000));
      },
      controllers: () => {
        if (!working && !elect) throw new Error('waiting for the apiserver');
      },
    },
    ...(tls === undefined ? {} : { tls }),
  });
  const work = async (until: AbortSignal): Promise<void> => {
    working = true;
    log.info('running', { controllers: definitions.map(({ name }) => name) });
    await runControllers({ client, definitions, settings, log, metrics: context.metrics }, until);
  };
  try {
    await waitForServer({ client, log, signal });
    if (signal.aborted) return;
    if (elect) {
      const { runAsLeader } = await import('../client/leader-election.js');
      const lease = { namespace: 'kube-system', name: 'kube-controller-manager' };
      const identity = `${hostname()}_${randomUUID()}`;
      await runAsLeader({ client, metrics: clientMetrics, lease, identity, log }, work, signal);
    } else await work(signal);
  } finally {
    health.close();
    await client.close();
  }
}

await runComponent<ControllerManagerFlags>({
  name: 'controller-manager',
  description: 'Runs the loops that bring the state of the cluster to what is declared.',
  flags: declareFlags,
  run,
});
