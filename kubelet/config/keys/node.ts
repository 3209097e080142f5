/** Keys of the node as a whole: how it registers and reports, its connection to the apiserver and the runtime. */
import {
  boolean,
  ConfigurationProblem,
  duration,
  fail,
  integer,
  list,
  map,
  noEffect,
  path,
  readInteger,
  readText,
  refused,
  text,
  texts,
} from '../field.js';
import type { Taint, TaintEffect } from '../../../api/generated/core-v1.js';

const effects: readonly TaintEffect[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

const taint = {
  type: 'taints',
  read: (value: unknown, where: string): Taint => {
    if (typeof value !== 'object' || value === null) return fail(where, value, 'a taint: key, value, effect');
    const { key, value: text, effect, ...rest } = value as Readonly<Record<string, unknown>>;
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) throw new ConfigurationProblem(`${where}.${unknown}: unknown key`);
    const known = effects.find((one) => one === effect);
    if (known === undefined) return fail(`${where}.effect`, effect, `one of ${effects.join(', ')}`);
    return {
      key: readText(key, `${where}.key`),
      ...(text === undefined ? {} : { value: readText(text, `${where}.value`) }),
      effect: known,
    };
  },
};

const flag = { type: 'true or false', read: readFlag };

function readFlag(value: unknown, where: string): boolean {
  if (value === true || value === 'true') return true;
  return value === false || value === 'false' ? false : fail(where, value, 'true or false');
}

const unlimited = noEffect('the client does not limit its requests; the apiserver shares itself out');

export const nodeKeys = {
  registerNode: boolean(true, {
    about: 'Make the Node object when there is none.',
    flag: 'register-node',
    support: refused('the kubelet registers always'),
  }),
  registerWithTaints: list([], taint, { about: 'Taints of the Node when it is made.' }),
  providerID: text('', {
    about: 'What a cloud calls this machine: `spec.providerID` of the Node when it is made.',
    flag: 'provider-id',
  }),
  nodeStatusUpdateFrequency: duration('10s', {
    about: 'How often the status is computed, and written when it changed.',
    flag: 'node-status-update-frequency',
  }),
  nodeStatusReportFrequency: duration('5m', {
    about: 'How often an unchanged status is written. Default: nodeStatusUpdateFrequency, when that is set.',
  }),
  nodeLeaseDurationSeconds: integer(
    40,
    { min: 1 },
    {
      about: 'Duration of the Lease, which is renewed every quarter of it; seconds.',
      zeroIsDefault: true,
    },
  ),
  nodeStatusMaxImages: integer(
    50,
    { min: -1 },
    {
      about: 'How many images the status names, the largest; -1: all.',
      flag: 'node-status-max-images',
    },
  ),
  eventRecordQPS: integer(
    50,
    { min: 0 },
    {
      about: 'Events a second.',
      flag: 'event-qps',
      support: noEffect('repeated events are joined instead'),
    },
  ),
  eventBurst: integer(
    100,
    { min: 0 },
    {
      about: 'Events at once.',
      flag: 'event-burst',
      zeroIsDefault: true,
      support: noEffect('repeated events are joined instead'),
    },
  ),
  kubeAPIQPS: integer(
    50,
    { min: 0 },
    { about: 'Requests a second to the apiserver.', flag: 'kube-api-qps', support: unlimited },
  ),
  kubeAPIBurst: integer(
    100,
    { min: 0 },
    {
      about: 'Requests to the apiserver at once.',
      flag: 'kube-api-burst',
      zeroIsDefault: true,
      support: unlimited,
    },
  ),
  contentType: text('application/json', {
    about: 'Encoding of requests. Kubernetes: application/vnd.kubernetes.protobuf.',
    flag: 'kube-api-content-type',
    support: noEffect("Knarr's client speaks JSON"),
  }),
  configMapAndSecretChangeDetectionStrategy: text('Watch', {
    about: 'How changes of ConfigMaps and Secrets are seen: Get, Cache or Watch.',
    support: noEffect('changes are always watched'),
  }),
  containerRuntimeEndpoint: text('unix:///run/containerd/containerd.sock', {
    about: 'Socket of the CRI runtime.',
    flag: 'container-runtime-endpoint',
  }),
  imageServiceEndpoint: text('', {
    about: 'Socket of the image service; empty: that of the runtime.',
    flag: 'image-service-endpoint',
    support: refused('images come from the runtime: leave it empty'),
  }),
  runtimeRequestTimeout: duration('2m', {
    about: 'Deadline of calls to the runtime, but pulls and streams.',
    flag: 'runtime-request-timeout',
    support: refused('each call has a deadline of its own'),
  }),
  hairpinMode: text('promiscuous-bridge', {
    about: 'How a Service may lead back to the pod that asks: promiscuous-bridge, hairpin-veth, none.',
    flag: 'hairpin-mode',
    support: noEffect('the CNI plugin sees to it'),
  }),
  podCIDR: text('', {
    about: 'Range of pod addresses without an apiserver.',
    flag: 'pod-cidr',
    support: refused('the range comes from the Node object'),
  }),
  clusterDomain: text('cluster.local', {
    about: "The cluster's DNS domain. Kubernetes: empty.",
    flag: 'cluster-domain',
  }),
  clusterDNS: list([], texts, { about: "Addresses of the cluster's DNS servers.", flag: 'cluster-dns' }),
  resolvConf: path('/etc/resolv.conf', {
    about: "The resolver's file that pods without cluster DNS inherit; empty: none.",
    flag: 'resolv-conf',
    support: refused("the node's /etc/resolv.conf is read"),
  }),
  featureGates: map({}, flag, {
    about: 'Features of Kubernetes, on or off.',
    flag: 'feature-gates',
    support: refused('there are no gates: what Knarr can do is on'),
  }),
  runOnce: boolean(false, {
    about: 'Run what is there once, and exit.',
    flag: 'runonce',
    support: refused('Kubernetes has removed this mode, too'),
  }),
  oomScoreAdj: integer(
    -999,
    { min: -1000, max: 1000 },
    {
      about: "The kubelet's own oom_score_adj.",
      flag: 'oom-score-adj',
      support: noEffect('the supervisor starts the kubelet'),
    },
  ),
  maxOpenFiles: integer(
    1_000_000,
    { min: 0 },
    {
      about: 'Files that the kubelet may have open.',
      flag: 'max-open-files',
      zeroIsDefault: true,
      support: noEffect('the limit is that of the process, `ulimit -n`'),
    },
  ),
  makeIPTablesUtilChains: boolean(true, {
    about: 'Make chains in iptables that others look for.',
    flag: 'make-iptables-util-chains',
    support: noEffect('nftables is used, in a table of its own'),
  }),
  iptablesMasqueradeBit: integer(
    14,
    { min: 0, max: 31 },
    {
      about: 'No effect in Kubernetes either.',
      flag: 'iptables-masquerade-bit',
      support: noEffect('as in Kubernetes'),
    },
  ),
  iptablesDropBit: integer(
    15,
    { min: 0, max: 31 },
    {
      about: 'No effect in Kubernetes either.',
      flag: 'iptables-drop-bit',
      support: noEffect('as in Kubernetes'),
    },
  ),
  protectKernelDefaults: boolean(false, {
    about: 'Fail where kernel settings are not as the kubelet wants them, instead of changing them.',
    flag: 'protect-kernel-defaults',
    support: noEffect('the kubelet changes no kernel settings'),
  }),
  failCgroupV1: boolean(false, {
    about: 'Refuse to start on cgroup v1. Kubernetes: true.',
    flag: 'fail-cgroupv1',
  }),
  failSwapOn: boolean(false, {
    about: 'Refuse to start when swap is on. Kubernetes: true.',
    flag: 'fail-swap-on',
  }),
  shutdownGracePeriod: duration('0s', {
    about: 'How long a shutdown of the machine waits for pods in all; 0: it does not.',
  }),
  shutdownGracePeriodCriticalPods: duration('0s', {
    about: 'The part of shutdownGracePeriod that is kept for critical pods.',
  }),
  shutdownGracePeriodByPodPriority: list([], shutdownPeriod(), {
    about: 'The grace of pods from a priority on up to the next one; instead of the two above.',
  }),
};

export interface ShutdownGracePeriod {
  readonly priority: number;
  readonly shutdownGracePeriodSeconds: number;
}

function shutdownPeriod(): { type: string; read(value: unknown, where: string): ShutdownGracePeriod } {
  return {
    type: '`priority` and `shutdownGracePeriodSeconds`',
    read: (value, where) => {
      if (typeof value !== 'object' || value === null)
        return fail(where, value, 'a priority and its seconds');
      const { priority, shutdownGracePeriodSeconds: seconds, ...rest } = value as Record<string, unknown>;
      const [unknown] = Object.keys(rest);
      if (unknown !== undefined) throw new ConfigurationProblem(`${where}.${unknown}: unknown key`);
      return {
        priority: readInteger(priority, `${where}.priority`, {}),
        shutdownGracePeriodSeconds: readInteger(seconds, `${where}.shutdownGracePeriodSeconds`, { min: 0 }),
      };
    },
  };
}
