import t from 'tap';
import type { Node, Pod, PodSpec } from '../../../api/generated/core-v1.js';
import { admitPod } from '../../../kubelet/admission/admit-pod.js';
import type { AdmissionInput } from '../../../kubelet/admission/admit-pod.js';
import type { ProbeVerdicts } from '../../../kubelet/sync/action-plan.js';
import { computePodActions } from '../../../kubelet/sync/compute-pod-actions.js';
import { computePodStatus } from '../../../kubelet/status/compute-pod-status.js';
import { emptyPodRuntime } from '../../../kubelet/runtime-state/pod-runtime.js';

function pod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'd',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '',
      ...metadata,
    },
    spec: { containers: [{ name: 'a' }], ...spec },
    status: {},
  };
}

function asking(requests: Record<string, string>): Pod {
  return pod({ containers: [{ name: 'a', resources: { requests } }] });
}

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', uid: 'n', resourceVersion: '1', creationTimestamp: '', labels: { disk: 'fast' } },
  spec: {},
  status: {},
};

const roomy: Omit<AdmissionInput, 'pod'> = {
  others: [],
  node,
  allocatable: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '10Gi', pods: '2', 'example.com/gpu': '1' },
  pressures: [],
  shuttingDown: false,
  appArmor: false,
  supplementalGroupsPolicy: false,
  allowedUnsafeSysctls: ['kernel.msg*'],
};

function sysctl(name: string, spec: Partial<PodSpec> = {}): Pod {
  return pod({ securityContext: { sysctls: [{ name, value: '1' }] }, ...spec });
}

void t.test('who is let in, and what the others are told', async (t) => {
  const critical = pod({ priority: 2_000_000_000 });
  const fixed = pod({}, { annotations: { 'kubernetes.io/config.source': 'file' } });
  const tolerant = pod({
    tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }],
  });
  const port = (hostPort: number): Pod =>
    pod({ containers: [{ name: 'a', ports: [{ containerPort: 80, hostPort }] }] });
  const tainted: Node = { ...node, spec: { taints: [{ key: 'x', effect: 'NoExecute' }] } };
  const table: [string, Pod, Partial<AdmissionInput>, string?, (string | RegExp)?][] = [
    ['a pod', pod(), {}],
    [
      'no more slots',
      pod(),
      { others: [pod(), pod()] },
      'OutOfpods',
      /pods, requested: 1, used: 2, capacity: 2$/,
    ],
    [
      'too much CPU',
      asking({ cpu: '1500m' }),
      { others: [asking({ cpu: '1' })] },
      'OutOfcpu',
      "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    ],
    [
      'too much memory',
      asking({ memory: '2Gi' }),
      {},
      'OutOfmemory',
      /memory, requested: 2147483648, used: 0/,
    ],
    ['too much storage', asking({ 'ephemeral-storage': '11Gi' }), {}, 'OutOfephemeral-storage'],
    ['too many devices', asking({ 'example.com/gpu': '2' }), {}, 'OutOfexample.com/gpu'],
    ['devices that the node does not count', asking({ 'example.com/other': '2' }), {}],
    [
      'pressure of memory, without requests',
      pod(),
      { pressures: ['MemoryPressure'] },
      'Evicted',
      /\[MemoryPressure\]/,
    ],
    ['with requests', asking({ memory: '1Mi' }), { pressures: ['MemoryPressure'] }],
    ['with a toleration', tolerant, { pressures: ['MemoryPressure'] }],
    [
      'which helps against memory pressure alone',
      tolerant,
      { pressures: ['MemoryPressure', 'DiskPressure'] },
      'Evicted',
      'Pod was rejected: The node had condition: [MemoryPressure DiskPressure]. ',
    ],
    [
      'pressure of disk, with requests',
      asking({ memory: '1Mi' }),
      { pressures: ['DiskPressure'] },
      'Evicted',
    ],
    ['critical under pressure', critical, { pressures: ['DiskPressure'] }],
    ['static under pressure', fixed, { pressures: ['DiskPressure'] }],
    ['a node that goes down', pod(), { shuttingDown: true }, 'NodeShutdown'],
    ['a label of the node', pod({ nodeSelector: { disk: 'fast' } }), {}],
    [
      'a label that is not there',
      pod({ nodeSelector: { disk: 'slow' } }),
      {},
      'NodeAffinity',
      /^Pod was rejected: Predicate NodeAffinity failed: node/,
    ],
    ['nobody knows the labels', pod({ nodeSelector: { disk: 'slow' } }), { node: undefined }],
    ['a taint', pod(), { node: tainted }, 'TaintToleration'],
    ['a taint and a static pod', fixed, { node: tainted }],
    ['a port that is taken', port(80), { others: [port(80)] }, 'NodePorts'],
    ['another port', port(81), { others: [port(80)] }],
    ['Windows', pod({ os: { name: 'windows' } }), {}, 'PodOSNotSupported'],
    [
      'Windows by label',
      pod({}, { labels: { 'kubernetes.io/os': 'windows' } }),
      {},
      'PodOSSelectorNodeLabelDoesNotMatch',
    ],
    [
      'strict groups',
      pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }),
      {},
      'SupplementalGroupsPolicyNotSupported',
    ],
    [
      'AppArmor',
      pod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
      {},
      'AppArmor',
      /Cannot enforce AppArmor: AppArmor is not enabled on the host/,
    ],
    [
      'AppArmor where it is',
      pod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
      { appArmor: true },
    ],
    ['no AppArmor wanted', pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }), {}],
    ['a safe sysctl', sysctl('net.ipv4.ip_unprivileged_port_start'), {}],
    [
      'the same, of the node',
      sysctl('net.ipv4.ip_unprivileged_port_start', { hostNetwork: true }),
      {},
      'SysctlForbidden',
      /host net enabled/,
    ],
    [
      'an unsafe one',
      sysctl('net.core.somaxconn'),
      {},
      'SysctlForbidden',
      'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted',
    ],
    ['one that is allowed', sysctl('kernel.msgmax'), {}],
  ];
  for (const [what, subject, more, reason, message] of table) {
    const decision = admitPod({ ...roomy, ...more, pod: subject });
    const order = decision.kind === 'rejected' ? decision.order : undefined;
    t.equal(order?.reason, reason, what);
    if (message !== undefined) t.match(order?.message, message, what);
  }
});

void t.test('a pod that was turned away fails without ever having had a container', async (t) => {
  const order = { reason: 'OutOfcpu', message: 'Pod was rejected: no', isRejection: true };
  const subject = pod();
  const runtime = emptyPodRuntime('u', 'd', 'p');
  const probes: ProbeVerdicts = { liveness: () => 'unknown', startup: () => 'unknown' };
  const common = { pod: subject, runtime, nowMs: 0, actuated: {} };
  const given = { backoff: new Map(), probes, random: () => 0, order };
  const actions = computePodActions({ ...common, ...given });
  t.match(actions, { finished: true, failure: order, startContainers: [], createSandbox: undefined });
  const input = {
    ...common,
    resize: {},
    previous: {},
    waiting: new Map(),
    readiness: { isStarted: () => false, isReady: () => false },
    hostIp: '1.2.3.4',
    runtimeName: 'memory',
    ending: true,
  };
  const status = computePodStatus({ ...input, failure: order });
  t.strictSame(status, {
    phase: 'Failed',
    reason: 'OutOfcpu',
    message: 'Pod was rejected: no',
    startTime: '1970-01-01T00:00:00Z',
    qosClass: 'BestEffort',
  });
  t.strictSame(
    computePodStatus({ ...input, previous: status, failure: undefined }),
    status,
    'and it stays so',
  );
  const evicted = { reason: 'Evicted', message: 'low', isDisruption: true };
  const { conditions } = computePodStatus({ ...input, failure: evicted });
  t.match(
    conditions?.find(({ type }) => type === 'DisruptionTarget'),
    { status: 'True', reason: 'TerminationByKubelet', message: 'low' },
  );
});
