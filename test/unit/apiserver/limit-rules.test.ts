import t from 'tap';
import type { KubernetesObject } from '../../../api/objects.js';
import { eventStrategy, newEventStrategy } from '../../../apiserver/resources/event/strategy.js';
import {
  horizontalPodAutoscalerStrategy,
  horizontalPodAutoscalerV1Strategy,
} from '../../../apiserver/resources/horizontal-pod-autoscaler/strategy.js';
import { limitRangeStrategy } from '../../../apiserver/resources/limit-range/strategy.js';
import { persistentVolumeClaimStrategy } from '../../../apiserver/resources/persistent-volume-claim/strategy.js';
import { persistentVolumeStrategy } from '../../../apiserver/resources/persistent-volume/strategy.js';
import { podDisruptionBudgetStrategy } from '../../../apiserver/resources/pod-disruption-budget/strategy.js';
import { priorityClassStrategy } from '../../../apiserver/resources/priority-class/strategy.js';
import { resourceQuotaStrategy } from '../../../apiserver/resources/resource-quota/strategy.js';
import type { Strategy } from '../../../apiserver/resources/strategy.js';
import { admitted, problemsOf, problemsOfChange } from '../../support/judge-object.js';

interface Case {
  readonly name: string;
  readonly body: object;
  readonly problems: readonly string[];
}

function judge<T extends KubernetesObject>(strategy: Strategy<T>, cases: readonly Case[]): void {
  const { group, kind } = strategy.definition;
  void t.test(`${group} ${kind}`, (t) => {
    for (const { name, body, problems } of cases) t.strictSame(problemsOf(strategy, body), problems, name);
    t.end();
  });
}

const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
judge(persistentVolumeClaimStrategy, [
  { name: 'a plain one', body: { spec: claim }, problems: [] },
  {
    name: 'nothing said',
    body: { spec: {} },
    problems: [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ],
  },
  {
    name: 'modes that do not go together, nothing asked for',
    body: {
      spec: {
        accessModes: ['ReadWriteOncePod', 'Often'],
        resources: { requests: { storage: '0' } },
        volumeMode: 'Tape',
      },
    },
    problems: [
      'spec.accessModes: Unsupported value: "Often": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      'spec.resources[storage]: Invalid value: "0": must be greater than zero',
      'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
    ],
  },
]);

void t.test('a claim grows once it is bound, and never shrinks below what it has', (t) => {
  const unbound = admitted(persistentVolumeClaimStrategy, { spec: claim });
  t.equal(unbound.status.phase, 'Pending');
  const ask = (storage: string) => (next: typeof unbound) => {
    next.spec.resources = { requests: { storage } };
  };
  t.match(problemsOfChange(persistentVolumeClaimStrategy, unbound, ask('2Gi')), [
    /^spec: Forbidden: spec is immutable/,
  ]);
  t.strictSame(
    problemsOfChange(persistentVolumeClaimStrategy, unbound, ({ spec }) => {
      spec.volumeName = 'pv';
      spec.storageClassName = 'standard';
    }),
    [],
    'whoever binds writes the name and the class',
  );
  const bound = structuredClone(unbound);
  bound.status = { phase: 'Bound', capacity: { storage: '1Gi' } };
  t.strictSame(problemsOfChange(persistentVolumeClaimStrategy, bound, ask('2Gi')), []);
  t.strictSame(problemsOfChange(persistentVolumeClaimStrategy, bound, ask('1Mi')), [
    'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  ]);
  t.end();
});

const volume = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } };
judge(persistentVolumeStrategy, [
  { name: 'a plain one', body: { spec: volume }, problems: [] },
  {
    name: 'nothing said',
    body: { spec: {} },
    problems: [
      'spec.accessModes: Required value',
      'spec.capacity: Required value',
      'spec: Required value: must specify a volume type',
    ],
  },
  {
    name: 'two places, one of them nowhere, and thrown away',
    body: {
      spec: {
        ...volume,
        hostPath: { path: '/' },
        local: { path: '/a/../b' },
        persistentVolumeReclaimPolicy: 'Recycle',
      },
    },
    problems: [
      'spec.local: Forbidden: may not specify more than 1 volume type',
      'spec.local.path: Invalid value: "/a/../b": must not contain \'..\'',
      'spec.nodeAffinity: Required value: Local volume requires node affinity',
      "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
    ],
  },
]);

void t.test('where a volume is does not change', (t) => {
  const before = admitted(persistentVolumeStrategy, { spec: volume });
  t.equal(before.spec.persistentVolumeReclaimPolicy, 'Retain');
  t.strictSame(
    problemsOfChange(persistentVolumeStrategy, before, ({ spec }) => {
      spec.hostPath = { path: '/other', type: '' };
      spec.volumeMode = 'Block';
    }),
    [
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
      'spec.volumeMode: Invalid value: "Block": field is immutable',
    ],
  );
  t.end();
});

judge(resourceQuotaStrategy, [
  {
    name: 'all sorts of things',
    body: {
      spec: { hard: { pods: '3', 'limits.cpu': '2', 'count/jobs.batch': '4', 'requests.storage': '5Gi' } },
    },
    problems: [],
  },
  {
    name: 'what cannot be counted so',
    body: { spec: { hard: { pods: '1500m', bananas: '2', 'requests.cpu': '-1' } } },
    problems: [
      'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      'spec.hard[bananas]: Invalid value: "bananas": must be a standard resource for quota',
      'spec.hard[requests.cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  },
  {
    name: 'scopes against each other',
    body: { spec: { hard: { pods: '1' }, scopes: ['BestEffort', 'NotBestEffort'] } },
    problems: ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
  },
]);

judge(limitRangeStrategy, [
  { name: 'a maximum', body: { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } }, problems: [] },
  {
    name: 'numbers in the wrong order',
    body: {
      spec: {
        limits: [
          {
            type: 'Container',
            min: { cpu: '2' },
            max: { cpu: '1' },
            default: { cpu: '1' },
            defaultRequest: { cpu: '2' },
          },
          { type: 'Container' },
        ],
      },
    },
    problems: [
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      'spec.limits[1].type: Duplicate value: "Container"',
    ],
  },
  {
    name: 'defaults for a whole pod, no size for a claim',
    body: { spec: { limits: [{ type: 'Pod', default: { cpu: '1' } }, { type: 'PersistentVolumeClaim' }] } },
    problems: [
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      'spec.limits[1].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
    ],
  },
]);

void t.test('what a container gets when it does not ask', (t) => {
  const { spec } = admitted(limitRangeStrategy, {
    spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }] },
  });
  t.match(spec.limits[0], { default: { cpu: '2' }, defaultRequest: { cpu: '2', memory: '1Mi' } });
  t.end();
});

judge(podDisruptionBudgetStrategy, [
  { name: 'a plain one', body: { spec: { minAvailable: '50%', selector: {} } }, problems: [] },
  {
    name: 'too much at once',
    body: { spec: { minAvailable: '101%', maxUnavailable: -1, unhealthyPodEvictionPolicy: 'Never' } },
    problems: [
      'spec: Invalid value: {"minAvailable":"101%","maxUnavailable":-1,"unhealthyPodEvictionPolicy":"Never"}: minAvailable and maxUnavailable cannot be both set',
      'spec.minAvailable: Invalid value: "101%": must not be greater than 100%',
      'spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0',
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  },
]);

judge(priorityClassStrategy, [
  { name: 'a plain one', body: { value: 1000 }, problems: [] },
  {
    name: 'above all',
    body: { value: 1_000_000_001, preemptionPolicy: 'Always' },
    problems: [
      'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
      'preemptionPolicy: Unsupported value: "Always": supported values: "Never", "PreemptLowerPriority"',
    ],
  },
  {
    name: 'a name of the system',
    body: { metadata: { name: 'system-mine' }, value: 1 },
    problems: [
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
  },
  {
    name: 'what the system itself makes',
    body: { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 },
    problems: [],
  },
]);

void t.test('a PriorityClass keeps its number', (t) => {
  const before = admitted(priorityClassStrategy, { value: 5 });
  t.strictSame(
    problemsOfChange(priorityClassStrategy, before, (next) => {
      next.value = 6;
      next.preemptionPolicy = 'Never';
      next.description = 'other';
    }),
    [
      'value: Forbidden: may not be changed in an update.',
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ],
  );
  t.end();
});

const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
judge(horizontalPodAutoscalerStrategy, [
  { name: 'a plain one', body: { spec: { scaleTargetRef, maxReplicas: 3 } }, problems: [] },
  {
    name: 'nothing to scale, and to no number',
    body: { spec: { scaleTargetRef: { kind: '', name: 'a/b' }, minReplicas: 0, maxReplicas: -1 } },
    problems: [
      'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
      'spec.maxReplicas: Invalid value: -1: must be greater than 0',
      'spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.kind: Required value',
      'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
    ],
  },
  {
    name: 'metrics that miss their target',
    body: {
      spec: {
        scaleTargetRef,
        maxReplicas: 3,
        metrics: [
          { type: 'Resource', resource: { name: '', target: { type: 'Utilization' } } },
          { type: 'Pods', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 0 } } },
        ],
      },
    },
    problems: [
      'spec.metrics[0].resource.name: Required value: must specify a resource name',
      'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
      'spec.metrics[1].pods: Required value: must populate information for the given metric source',
      'spec.metrics[1].resource: Forbidden: must populate the given metric source only',
      'spec.metrics[1].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
  },
  {
    name: 'behavior out of bounds',
    body: {
      spec: {
        scaleTargetRef,
        maxReplicas: 3,
        behavior: {
          scaleDown: {
            stabilizationWindowSeconds: 4000,
            selectPolicy: 'Any',
            policies: [{ type: 'Cores', value: 0, periodSeconds: 2000 }],
          },
        },
      },
    },
    problems: [
      'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
      'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"',
      'spec.behavior.scaleDown.policies[0].type: Unsupported value: "Cores": supported values: "Percent", "Pods"',
      'spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 2000: must be less than or equal to 1800',
    ],
  },
]);

judge(horizontalPodAutoscalerV1Strategy, [
  {
    name: 'the rules are those of v2',
    body: { spec: { scaleTargetRef, maxReplicas: 1, minReplicas: 2, targetCPUUtilizationPercentage: 0 } },
    problems: [
      'spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`',
      'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
  },
]);

void t.test('defaults of an autoscaler, in both versions', (t) => {
  const plain = { spec: { scaleTargetRef, maxReplicas: 3 } };
  t.match(admitted(horizontalPodAutoscalerStrategy, plain).spec, {
    minReplicas: 1,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 80 } } }],
  });
  t.match(admitted(horizontalPodAutoscalerV1Strategy, plain).spec, {
    minReplicas: 1,
    targetCPUUtilizationPercentage: 80,
  });
  t.end();
});

const happened = {
  eventTime: '2026-01-01T00:00:00.000000Z',
  type: 'Normal',
  reason: 'Started',
  action: 'Starting',
  reportingController: 'example.com/controller',
  reportingInstance: 'one',
  regarding: { kind: 'Pod', namespace: 'default', name: 'a' },
};
judge(newEventStrategy(eventStrategy(60)), [
  { name: 'a plain one', body: happened, problems: [] },
  {
    name: 'who, when and what is not said',
    body: { regarding: { namespace: 'other' }, type: 'Odd' },
    problems: [
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
      'eventTime: Required value',
      'type: Invalid value: "": has invalid value: Odd',
      'reportingController: Required value',
      'reportingInstance: Required value',
      'action: Required value',
      'reason: Required value',
    ],
  },
]);
