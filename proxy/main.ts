/** The Service proxy, in the place of kube-proxy: makes Services reachable by nftables on this node. */
import { systemClock } from '../common/clock.js';
import { runComponent, serveHealth, UsageError } from '../common/component.js';
import type { ComponentContext } from '../common/component.js';
import { createClientMetrics } from '../client/client-metrics.js';
import { createInformerFactory } from '../client/informer.js';
import { createRestClient } from '../client/rest-client.js';
import { waitForServer } from '../client/wait-for-server.js';
import { checkRange } from './check-range.js';
import { forgetStaleFlows } from './conntrack.js';
import { ensureHostNetwork, removeHostNetwork } from './host-network.js';
import { createProxyMetrics } from './metrics.js';
import { kernelNftables } from './nftables.js';
import { ServiceProxy } from './service-proxy.js';

interface Flags {
  readonly kubeconfig?: string;
  readonly hostnameOverride?: string;
  readonly clusterCidr: string;
  readonly serviceClusterIpRange: string;
  readonly bridge: string;
  readonly healthzBindAddress: string;
  readonly cleanup: boolean;
}

await runComponent<Flags>({
  name: 'proxy',
  description: 'Makes Services reachable on this node by nftables.',
  flags: (command) =>
    command
      .option('--kubeconfig <file>', 'how to reach the apiserver')
      .option('--hostname-override <name>', "this node's name, as in its Node object")
      .option('--cluster-cidr <range>', 'addresses of all pods', '10.244.0.0/16')
      .option('--service-cluster-ip-range <range>', 'addresses of Services', '10.96.0.0/12')
      .option('--bridge <device>', 'bridge that the pods of this node are connected to', 'knarr0')
      .option('--healthz-bind-address <host:port>', 'where to serve /healthz and /metrics', '127.0.0.1:10256')
      .option('--cleanup', 'remove the rules, routes and bridge from this machine, and end', false),
  async run(flags, context) {
    checkRange('--cluster-cidr', flags.clusterCidr);
    checkRange('--service-cluster-ip-range', flags.serviceClusterIpRange);
    const host = {
      bridge: flags.bridge,
      clusterCidr: flags.clusterCidr,
      serviceCidr: flags.serviceClusterIpRange,
    };
    if (flags.cleanup) {
      await removeHostNetwork(host);
      context.log.info('removed the rules, routes and bridge', { bridge: flags.bridge });
      return;
    }
    await serve(flags, host, context);
  },
});

async function serve(
  flags: Flags,
  host: { bridge: string; clusterCidr: string; serviceCidr: string },
  { log, signal, metrics }: ComponentContext,
): Promise<void> {
  if (flags.kubeconfig === undefined) throw new UsageError('--kubeconfig is missing');
  if (flags.hostnameOverride === undefined) throw new UsageError('--hostname-override is missing');
  const client = createRestClient({
    connection: { kubeconfig: flags.kubeconfig },
    userAgent: 'knarr-proxy',
    metrics: createClientMetrics(metrics),
  });
  const informers = createInformerFactory({ client, log });
  const proxy = new ServiceProxy({
    ...host,
    nodeName: flags.hostnameOverride,
    informers,
    nftables: kernelNftables,
    ensureHost: () => ensureHostNetwork(host),
    forgetStaleFlows,
    metrics: createProxyMetrics(metrics, systemClock),
    clock: systemClock,
    log,
  });
  const health = await serveHealth({
    ...readHostAndPort(flags.healthzBindAddress),
    metrics,
    ready: {
      rules: () => {
        proxy.checkHealth();
      },
    },
  });
  try {
    // Before the apiserver is there: its own address in the cluster may depend on these routes.
    await ensureHostNetwork(host);
    await waitForServer({ client, log, signal });
    if (!signal.aborted) await Promise.all([informers.run(signal), proxy.run(signal)]);
  } finally {
    health.close();
    await client.close();
  }
}

function readHostAndPort(text: string): { host: string; port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65_535) {
    throw new UsageError(`--healthz-bind-address must be host:port, but is ${text}`);
  }
  return { host: (match[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port: Number(match[2]) };
}
