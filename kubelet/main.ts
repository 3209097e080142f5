#!/usr/bin/env node
/** kubelet: runs the Pods that are bound to this node. See docs/life-of-a-pod.md for the way of one. */
import { createClientMetrics } from '../client/client-metrics.js';
import { createEventBroadcaster } from '../client/event-recorder.js';
import { createInformerFactory } from '../client/informer.js';
import { createRestClient } from '../client/rest-client.js';
import { systemClock } from '../common/clock.js';
import { runComponent, serveHealth } from '../common/component.js';
import type { ComponentContext } from '../common/component.js';
import { createCgroupManager } from './containers/cgroups.js';
import { GrpcRuntime } from './cri/grpc-runtime.js';
import { configurationOf, declareFlags, settingsOf } from './flags.js';
import type { KubeletFlags } from './flags.js';
import { checkMachine } from './config/check-machine.js';
import { runKubelet } from './kubelet.js';
import { isMachineGoingDown } from './shutdown/system-state.js';
import { systemMounter } from './volumes/mounter.js';

async function run(flags: KubeletFlags, { log, signal, metrics }: ComponentContext): Promise<void> {
  const { configuration, warnings } = configurationOf(flags);
  const settings = settingsOf(flags, configuration);
  const cgroups = createCgroupManager({ root: configuration.cgroupRoot });
  await checkMachine(configuration, cgroups.version);
  for (const warning of warnings) log.warn('a key of the configuration has no effect', { warning });
  const client = createRestClient({
    connection: { kubeconfig: flags.kubeconfig },
    userAgent: 'knarr-kubelet',
    metrics: createClientMetrics(metrics),
  });
  const informers = createInformerFactory({ client, log });
  const broadcaster = createEventBroadcaster({ client, log });
  const runtime = new GrpcRuntime(configuration.containerRuntimeEndpoint);
  const health = await serveHealth({
    host: configuration.healthzBindAddress,
    port: configuration.healthzPort,
    metrics,
    ready: {
      apiserver: async () => {
        await client.raw('/readyz', AbortSignal.timeout(5_000));
      },
      'container-runtime': async () => {
        await runtime.version(AbortSignal.timeout(5_000));
      },
    },
  });
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const background: Promise<void>[] = [];
  try {
    const parts = {
      client,
      informers,
      recorder: broadcaster.recorder('kubelet', settings.nodeName),
      runtime,
      cgroups,
      mounter: systemMounter,
      clock: systemClock,
      log,
      metrics,
      isMachineGoingDown,
    };
    background.push(runKubelet(settings, parts, until), informers.run(until), broadcaster.run(until));
    await Promise.all(background);
  } finally {
    stop.abort();
    await Promise.allSettled(background);
    health.close();
    runtime.close();
    await client.close();
  }
}

await runComponent<KubeletFlags>({
  name: 'kubelet',
  description: 'Runs the pods that are bound to this node.',
  flags: declareFlags,
  run,
});
