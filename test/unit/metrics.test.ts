/** The metrics that each program registers, against the tables: names, types and labels of Kubernetes v1.35. */
import { Registry } from 'prom-client';
import t from 'tap';
import { AdmissionMetrics } from '../../apiserver/admission/admission-metrics.js';
import { AccessMetrics } from '../../apiserver/filters/access-metrics.js';
import { createFlowControlMetrics } from '../../apiserver/flow-control/flow-control-metrics.js';
import { ApiServerMetrics } from '../../apiserver/metrics.js';
import { StorageMetrics } from '../../apiserver/storage/storage-metrics.js';
import { createClientMetrics } from '../../client/client-metrics.js';
import { systemClock } from '../../common/clock.js';
import { healthObserverOf, registerProcessMetrics } from '../../common/component-metrics.js';
import { MemoryRuntime } from '../../kubelet/cri/memory-runtime.js';
import { createKubeletMetrics } from '../../kubelet/kubelet-metrics.js';
import { createResizeMetrics } from '../../kubelet/resize/resize-metrics.js';
import { createProxyMetrics } from '../../proxy/metrics.js';
import { createMetrics } from '../../scheduler/metrics.js';
import * as tables from '../support/metric-tables.js';
import type { ExpectedMetric } from '../support/metric-tables.js';
import { managerRig } from './controller-manager/manager-rig.js';
import { controllerDefinitions } from '../../controller-manager/registry.js';

interface Registered {
  readonly name: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

/** What Node's own library adds for its process, and what is Knarr's own. */
const ownNames = /^(?:nodejs_|knarr_|process_(?:cpu_(?:user|system)_|heap_))/;

function registered(registry: Registry): readonly ExpectedMetric[] {
  return (registry.getMetricsAsArray() as unknown as Registered[])
    .filter(({ name }) => !ownNames.test(name))
    .map(({ name, type, labelNames = [] }) => ({ name, type, labels: labelNames.toSorted() }))
    .toSorted(byName);
}

const byName = (a: ExpectedMetric, b: ExpectedMetric): number => (a.name < b.name ? -1 : 1);
const store = {
  status: () => Promise.resolve({ backend: 'memory', revision: 1, compactRevision: 0, sizeBytes: 7 }),
};
const nothing = { active: 0, backoff: 0, unschedulable: 0, gated: 0, 'in-flight': 0 };

const programs: Readonly<
  Record<string, readonly [register: (registry: Registry) => void, expected: readonly ExpectedMetric[]]>
> = {
  everywhere: [
    (registry) => {
      registerProcessMetrics(registry);
      healthObserverOf(registry);
    },
    tables.everywhere,
  ],
  'clients of the API server': [createClientMetrics, tables.ofClients],
  apiserver: [
    (registry) => {
      new ApiServerMetrics(registry, () => [], systemClock);
      new StorageMetrics(registry, store, systemClock);
      new AccessMetrics(registry);
      new AdmissionMetrics(registry, systemClock);
      createFlowControlMetrics(registry);
    },
    tables.ofApiServer,
  ],
  scheduler: [
    (registry) => {
      const state = {
        pendingPods: () => nothing,
        rejections: () => new Map<string, number>(),
        cacheSizes: () => ({ nodes: 0, pods: 0, assumed_pods: 0 }),
      };
      createMetrics(registry, 'default-scheduler', state, systemClock);
    },
    tables.ofScheduler,
  ],
  kubelet: [
    (registry) => {
      const runtime = new MemoryRuntime({ clock: systemClock });
      createKubeletMetrics(registry, 'node-1').observe(runtime);
      createResizeMetrics(registry);
    },
    tables.ofKubelet,
  ],
  proxy: [(registry) => createProxyMetrics(registry, systemClock), tables.ofProxy],
};

for (const [program, [register, expected]] of Object.entries(programs)) {
  void t.test(program, (t) => {
    const registry = new Registry();
    register(registry);
    t.strictSame(registered(registry), expected.toSorted(byName));
    t.end();
  });
}

void t.test('controller manager', async (t) => {
  const rig = managerRig(t, controllerDefinitions);
  await rig.settle();
  t.strictSame(registered(rig.registry()), tables.ofControllerManager.toSorted(byName));
});
