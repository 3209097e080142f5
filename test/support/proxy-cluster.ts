/** A host with pods and the Service proxy, fed by the in-memory client, in the test's network namespace. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { Service, ServiceSpec } from '../../api/generated/core-v1.js';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.js';
import { endpointSlices, services } from '../../api/resources.js';
import { createInformerFactory } from '../../client/informer.js';
import { createMemoryClient } from '../../client/memory-client.js';
import type { MemoryClient } from '../../client/memory-client.js';
import { createBridgePlugin } from '../../cni-plugins/bridge/bridge.js';
import { runPlugin } from '../../cni-plugins/lib/run-plugin.js';
import { forgetStaleFlows } from '../../proxy/conntrack.js';
import { ensureHostNetwork } from '../../proxy/host-network.js';
import { createProxyMetrics } from '../../proxy/metrics.js';
import { kernelNftables } from '../../proxy/nftables.js';
import { ServiceProxy } from '../../proxy/service-proxy.js';
import { TestNamespace, run, until } from './netns.js';
import { serviceObject, sliceObject } from './service-objects.js';

export const nodeAddress = '192.0.2.1';
export const outsideAddress = '192.0.2.10';
export const host = { bridge: 'knarr0', clusterCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' };

/** A running proxy; `stop` ends it and leaves its rules. */
export interface RunningProxy {
  readonly proxy: ServiceProxy;
  readonly metrics: Registry;
  stop(): Promise<void>;
}

export class ProxyCluster {
  readonly client: MemoryClient = createMemoryClient();
  readonly outside: TestNamespace;
  readonly #ipamFolder = mkdtempSync(join(tmpdir(), 'knarr-ipam-'));
  readonly #pods: TestNamespace[] = [];

  constructor() {
    run('ip', 'link', 'set', 'lo', 'up');
    this.outside = new TestNamespace('outside');
    run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', 'outside');
    run('ip', 'address', 'add', `${nodeAddress}/24`, 'dev', 'eth0');
    run('ip', 'link', 'set', 'eth0', 'up');
    this.outside.run('ip', 'address', 'add', `${outsideAddress}/24`, 'dev', 'eth0');
    this.outside.run('ip', 'link', 'set', 'eth0', 'up');
    this.outside.run('ip', 'link', 'set', 'lo', 'up');
  }

  /** A namespace attached by Knarr's own bridge plugin, with a responder on port 8080. */
  async addPod(name: string): Promise<{ readonly namespace: TestNamespace; readonly address: string }> {
    const namespace = new TestNamespace(name);
    this.#pods.push(namespace);
    const config = {
      cniVersion: '1.0.0',
      name: 'knarr',
      type: 'bridge',
      bridge: host.bridge,
      isGateway: true,
      ipam: { type: 'host-local', subnet: '10.244.0.0/24', dataDir: this.#ipamFolder },
    };
    const environment = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: name,
      CNI_NETNS: namespace.path,
      CNI_IFNAME: 'eth0',
    };
    const outcome = await runPlugin(createBridgePlugin(), environment, JSON.stringify(config));
    if (outcome.error !== undefined) throw outcome.error;
    const { ips } = JSON.parse(outcome.stdout) as { ips: { address: string }[] };
    await namespace.respond(8080);
    return { namespace, address: ips[0]?.address.split('/')[0] ?? '' };
  }

  startProxy(): RunningProxy {
    const abort = new AbortController();
    const metrics = new Registry();
    const informers = createInformerFactory({ client: this.client, log: silentLogger });
    const proxy = new ServiceProxy({
      ...host,
      nodeName: 'here',
      informers,
      nftables: kernelNftables,
      ensureHost: () => ensureHostNetwork(host),
      forgetStaleFlows,
      metrics: createProxyMetrics(metrics, systemClock),
      clock: systemClock,
      verifyIntervalMs: 100,
      log: silentLogger,
    });
    const ended = Promise.all([informers.run(abort.signal), proxy.run(abort.signal)]);
    return {
      proxy,
      metrics,
      stop: async () => {
        abort.abort();
        await ended;
      },
    };
  }

  async createService(name: string, spec: Partial<ServiceSpec>): Promise<Service> {
    return this.client.resource(services).create(serviceObject(name, spec));
  }

  /** Makes the endpoints of a Service exactly these addresses. */
  async setEndpoints(
    service: string,
    endpoints: readonly (string | Endpoint)[],
    ports: EndpointSlice['ports'] = [{ port: 8080, protocol: 'TCP' }],
  ): Promise<void> {
    const slices = this.client.resource(endpointSlices);
    const at = { namespace: 'default', name: service };
    const draft = sliceObject(service, endpoints, ports);
    const found = (await slices.list({ namespace: 'default' })).items.find(
      (s) => s.metadata.name === service,
    );
    if (found === undefined) await slices.create(draft);
    else await slices.patch(at, 'merge', { endpoints: draft.endpoints, ports: draft.ports });
  }

  async removePods(): Promise<void> {
    for (const pod of this.#pods) await pod.remove();
    await this.outside.remove();
    rmSync(this.#ipamFolder, { recursive: true });
  }
}

/** Waits until the proxy has applied its rules once. */
export async function untilHealthy(proxy: ServiceProxy): Promise<void> {
  await until('the proxy has applied its rules', () => {
    try {
      proxy.checkHealth();
      return true;
    } catch {
      // Not yet: that is what is waited for.
      return false;
    }
  });
}
