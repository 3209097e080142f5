import t from 'tap';
import type { KubernetesObject } from '../../../api/objects.js';
import { controllerRevisionStrategy } from '../../../apiserver/resources/controller-revision/strategy.js';
import { cronJobStrategy } from '../../../apiserver/resources/cron-job/strategy.js';
import { daemonSetStrategy } from '../../../apiserver/resources/daemon-set/strategy.js';
import { jobStrategy } from '../../../apiserver/resources/job/strategy.js';
import { podTemplateStrategy } from '../../../apiserver/resources/pod-template/strategy.js';
import { statefulSetStrategy } from '../../../apiserver/resources/stateful-set/strategy.js';
import type { Strategy } from '../../../apiserver/resources/strategy.js';
import { admitted, problemsOf, problemsOfChange } from '../../support/judge-object.js';

const labels = { app: 'a' };
const selector = { matchLabels: labels };
const containers = [{ name: 'c', image: 'i' }];
const template = { metadata: { labels }, spec: { containers } };
const once = { spec: { containers, restartPolicy: 'Never' } };

interface Case {
  readonly name: string;
  readonly spec: object;
  readonly problems: readonly string[];
}

function judge<T extends KubernetesObject>(
  strategy: Strategy<T>,
  base: object,
  cases: readonly Case[],
): void {
  void t.test(strategy.definition.kind, (t) => {
    for (const { name, spec, problems } of cases)
      t.strictSame(problemsOf(strategy, { spec: { ...base, ...spec } }), problems, name);
    t.end();
  });
}

judge(statefulSetStrategy, { selector, template, serviceName: 's' }, [
  { name: 'a plain one', spec: {}, problems: [] },
  {
    name: 'mounts of volumes that come from claim templates',
    spec: {
      template: {
        metadata: { labels },
        spec: { containers: [{ ...containers[0], volumeMounts: [{ name: 'data', mountPath: '/d' }] }] },
      },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }],
    },
    problems: [],
  },
  {
    name: 'words that are none',
    spec: { podManagementPolicy: 'Some', updateStrategy: { type: 'Other' }, replicas: -1 },
    problems: [
      "spec.podManagementPolicy: Invalid value: \"Some\": must be 'OrderedReady' or 'Parallel'",
      'spec.updateStrategy: Invalid value: {"type":"Other"}: must be \'RollingUpdate\' or \'OnDelete\'',
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
  },
  {
    name: 'a template that is not selected, and ends',
    spec: { template: { spec: { containers, restartPolicy: 'Never', activeDeadlineSeconds: 5 } } },
    problems: [
      'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
    ],
  },
  {
    name: 'an empty selector',
    spec: { selector: {} },
    problems: ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
  },
]);

judge(daemonSetStrategy, { selector, template }, [
  { name: 'a plain one', spec: {}, problems: [] },
  {
    name: 'both ways of rolling at once',
    spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: '10%' } } },
    problems: [
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero',
    ],
  },
  {
    name: 'neither',
    spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } },
    problems: [
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ],
  },
  {
    name: 'another strategy, and more than all',
    spec: { updateStrategy: { type: 'Sometimes' }, minReadySeconds: -1 },
    problems: [
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.updateStrategy: Unsupported value: "Sometimes": supported values: "OnDelete", "RollingUpdate"',
    ],
  },
]);

const indexed = { completionMode: 'Indexed', completions: 3 };
judge(jobStrategy, { template: once }, [
  { name: 'a plain one', spec: {}, problems: [] },
  {
    name: 'pods that never end',
    spec: { template: { spec: { containers } } },
    problems: ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  },
  {
    name: 'numbers below zero, all of them',
    spec: { parallelism: -1, completions: -1, backoffLimit: -1, ttlSecondsAfterFinished: -1 },
    problems: ['parallelism', 'completions', 'backoffLimit', 'ttlSecondsAfterFinished'].map(
      (field) => `spec.${field}: Invalid value: -1: must be greater than or equal to 0`,
    ),
  },
  {
    name: 'indexes without a number',
    spec: { completionMode: 'Indexed', parallelism: 1 },
    problems: ['spec.completions: Required value: when completion mode is Indexed'],
  },
  {
    name: 'failures by index without indexes',
    spec: { backoffLimitPerIndex: 1, maxFailedIndexes: 5 },
    problems: [
      'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
      'spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions',
    ],
  },
  {
    name: 'a selector of the client, not asked for by hand',
    spec: { selector: { matchLabels: { app: 'mine' } } },
    problems: [
      'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"u","app":"mine"}}: `selector` not auto-generated',
      'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"a","controller-uid":"u","job-name":"a"}: `selector` does not match template `labels`',
    ],
  },
  {
    name: 'rules of failure that say too much and too little',
    spec: {
      podFailurePolicy: {
        rules: [
          { action: 'Ignore' },
          { action: 'FailIndex', onExitCodes: { operator: 'In', values: [3, 0, 3], containerName: 'x' } },
          { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget' }] },
        ],
      },
    },
    problems: [
      'spec.podFailurePolicy.rules[0]: Invalid value: {"action":"Ignore"}: specifying one of OnExitCodes and OnPodConditions is required',
      'spec.podFailurePolicy.rules[1].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
      'spec.podFailurePolicy.rules[1].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
      'spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: [3,0,3]: must be ordered',
      'spec.podFailurePolicy.rules[1].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[1].onExitCodes.values[2]: Duplicate value: 3',
    ],
  },
  {
    name: 'success of some indexes',
    spec: {
      ...indexed,
      successPolicy: { rules: [{ succeededIndexes: '0,2' }, { succeededIndexes: '2,1' }, {}] },
    },
    problems: [
      'spec.successPolicy.rules[1].succeededIndexes: Invalid value: "2,1": non-increasing order, previous: 2, current: 1',
      'spec.successPolicy.rules[2]: Required value: at least one of succeededCount or succeededIndexes must be specified',
    ],
  },
]);

void t.test('defaults of a Job', (t) => {
  const { metadata, spec } = admitted(jobStrategy, {
    spec: { template: { metadata: { labels }, ...once } },
  });
  t.match(spec, {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
    template: {
      metadata: { labels: { app: 'a', 'batch.kubernetes.io/job-name': 'a', 'controller-uid': 'u' } },
    },
  });
  t.strictSame(metadata.labels, labels, 'labels come from the template');
  const parallel = admitted(jobStrategy, { spec: { parallelism: 3, template: once } });
  t.equal(parallel.spec.completions, undefined, 'a work queue has no number of completions');
  t.end();
});

judge(cronJobStrategy, { schedule: '*/5 * * * *', jobTemplate: { spec: { template: once } } }, [
  { name: 'a plain one', spec: {}, problems: [] },
  {
    name: 'no schedule, an unknown policy',
    spec: { schedule: '', concurrencyPolicy: 'Maybe' },
    problems: [
      'spec.schedule: Required value',
      'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    ],
  },
  {
    name: 'a schedule that is none',
    spec: { schedule: '61 * * * *' },
    problems: ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'],
  },
  {
    name: 'time zones',
    spec: { timeZone: 'Europe/Nowhere', schedule: 'TZ=UTC 0 * * * *' },
    problems: [
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
      'spec.timeZone: Invalid value: "Europe/Nowhere": unknown time zone Europe/Nowhere',
    ],
  },
  { name: 'a time zone that is one', spec: { timeZone: 'Europe/Berlin' }, problems: [] },
  {
    name: 'the rules of Jobs hold for the template',
    spec: { jobTemplate: { spec: { template: { spec: { containers } }, manualSelector: true } } },
    problems: [
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "false", "nil"',
    ],
  },
]);

void t.test('names of CronJobs leave room for those of their Jobs', (t) => {
  t.strictSame(cronJobStrategy.validateName?.('a'.repeat(52)), []);
  t.strictSame(cronJobStrategy.validateName?.('a'.repeat(53)), ['must be no more than 52 characters']);
  t.end();
});

void t.test('what has no spec', (t) => {
  t.strictSame(problemsOf(controllerRevisionStrategy, { data: { a: 1 }, revision: 1 }), []);
  t.strictSame(problemsOf(controllerRevisionStrategy, { revision: -1 }), [
    'data: Required value: data is mandatory',
    'revision: Invalid value: -1: must be greater than or equal to 0',
  ]);
  t.strictSame(problemsOf(podTemplateStrategy, { template }), []);
  t.strictSame(problemsOf(podTemplateStrategy, { template: { spec: { containers: [] } } }), [
    'template.spec.containers: Required value',
  ]);
  t.end();
});

void t.test('what may change', (t) => {
  const set = admitted(statefulSetStrategy, { spec: { selector, template, serviceName: 's' } });
  const other = problemsOfChange(statefulSetStrategy, set, ({ spec }) => {
    spec.serviceName = 'other';
  });
  t.match(other, [
    /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals'/,
  ]);
  t.strictSame(
    problemsOfChange(statefulSetStrategy, set, ({ spec }) => {
      spec.replicas = 5;
      spec.minReadySeconds = 2;
    }),
    [],
  );
  const job = admitted(jobStrategy, { spec: { template: once } });
  t.match(
    problemsOfChange(jobStrategy, job, ({ spec }) => {
      spec.completions = 2;
      spec.completionMode = 'Indexed';
      spec.template.spec.nodeSelector = { a: 'b' };
      spec.parallelism = 7;
    }),
    [
      'spec.completions: Invalid value: 2: can only be modified in tandem with spec.parallelism',
      'spec.completionMode: Invalid value: "Indexed": field is immutable',
      /^spec.template: Invalid value: .*: field is immutable$/,
    ],
  );
  const queued = admitted(jobStrategy, { spec: { suspend: true, template: once } });
  t.strictSame(
    problemsOfChange(jobStrategy, queued, ({ spec }) => {
      spec.template.spec.nodeSelector = { a: 'b' };
    }),
    [],
    'a queue places a Job that has not started',
  );
  const revision = admitted(controllerRevisionStrategy, { data: { a: 1 }, revision: 1 });
  t.match(
    problemsOfChange(controllerRevisionStrategy, revision, (next) => {
      next.data = { a: 2 };
      next.revision = 2;
    }),
    [/^data: Invalid value: .*: field is immutable$/],
  );
  t.end();
});
