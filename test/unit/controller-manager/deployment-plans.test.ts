/** The decisions of a rollout, as tables. */
import t from 'tap';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../../api/generated/apps-v1.js';
import {
  computeRolloutStatus,
  isComplete,
  pauseConditions,
  progressDeadlineMs,
} from '../../../controller-manager/controllers/deployment/compute-status.js';
import { planCleanup } from '../../../controller-manager/controllers/deployment/plan-cleanup.js';
import {
  nextSizeOfCurrent,
  planRecreateTeardown,
  planRollingUpdate,
} from '../../../controller-manager/controllers/deployment/plan-rollout.js';
import type { Resize } from '../../../controller-manager/controllers/deployment/plan-rollout.js';
import { planScaling, wasScaled } from '../../../controller-manager/controllers/deployment/plan-scaling.js';
import { familyOf } from '../../../controller-manager/controllers/deployment/replica-set-family.js';
import { draftReplicaSet } from '../../../controller-manager/controllers/deployment/replica-set-writer.js';
import {
  newReplicaSetAnnotations,
  revisionAnnotation,
  revisionHistoryAnnotation,
} from '../../../controller-manager/controllers/deployment/revision-annotations.js';
import { rolloutLimits } from '../../../controller-manager/controllers/deployment/rollout-limits.js';
import {
  hashTemplate,
  isSameTemplate,
} from '../../../controller-manager/controllers/deployment/template-identity.js';
import {
  makeDeployment,
  makeReplicaSet,
  makeTemplate,
  secondsAgo,
  testNow,
} from '../../support/workload-objects.js';
import type { DeploymentOptions, ReplicaSetOptions } from '../../support/workload-objects.js';

const v1 = 'localhost/web:1';
const v2 = 'localhost/web:2';
const v3 = 'localhost/web:3';

const rolling = (
  replicas: number,
  maxSurge: number | string,
  maxUnavailable: number | string,
): DeploymentOptions => ({
  replicas,
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
});

/** The family of a Deployment with these ReplicaSets, and sizes by image. */
function world(options: DeploymentOptions, sets: readonly (ReplicaSetOptions & { image: string })[]) {
  const deployment = makeDeployment(options);
  const family = familyOf(
    deployment,
    sets.map((set) => makeReplicaSet(deployment, set)),
  );
  return { deployment, family };
}

function sizes(steps: readonly Resize[]): Record<string, number> {
  return Object.fromEntries(
    steps.map(({ replicaSet, size }) => [
      replicaSet.spec.template?.spec.containers[0]?.image?.at(-1) ?? '',
      size,
    ]),
  );
}

const limits: readonly (readonly [number, number | string, number | string, number, number])[] = [
  [10, '25%', '25%', 3, 2],
  [3, '25%', '25%', 1, 0],
  [1, '25%', '25%', 1, 0],
  [4, '50%', 1, 2, 1],
  [3, 0, 0, 0, 1],
  [3, 0, '10%', 0, 1],
  [2, 5, 9, 5, 2],
  [0, '25%', '25%', 0, 0],
  [10, '100%', '100%', 10, 10],
];

void t.test('limits: surge up, unavailability down, never both zero', (t) => {
  for (const [replicas, surge, unavailable, maxSurge, maxUnavailable] of limits) {
    const deployment = makeDeployment(rolling(replicas, surge, unavailable));
    t.same(
      rolloutLimits(deployment),
      { maxSurge, maxUnavailable },
      `${String(replicas)}: ${String(surge)}, ${String(unavailable)}`,
    );
  }
  t.same(rolloutLimits(makeDeployment({ strategy: { type: 'Recreate' } })), {
    maxSurge: 0,
    maxUnavailable: 0,
  });
  t.end();
});

/** New template is v2. */
const steps: readonly (readonly [
  string,
  DeploymentOptions,
  readonly (ReplicaSetOptions & { image: string })[],
  Record<string, number>,
])[] = [
  ['nothing to do', rolling(3, 1, 0), [{ image: v2, size: 3 }], {}],
  [
    'the new one grows by the surge',
    rolling(3, 1, 0),
    [
      { image: v1, size: 3 },
      { image: v2, size: 0 },
    ],
    { 2: 1 },
  ],
  [
    'no room: waits until the new pod is available',
    rolling(3, 1, 0),
    [
      { image: v1, size: 3 },
      { image: v2, size: 1, available: 0 },
    ],
    {},
  ],
  [
    'available: an old one goes',
    rolling(3, 1, 0),
    [
      { image: v1, size: 3 },
      { image: v2, size: 1 },
    ],
    { 1: 2 },
  ],
  [
    'then the new one grows again',
    rolling(3, 1, 0),
    [
      { image: v1, size: 2, pods: 2 },
      { image: v2, size: 1 },
    ],
    { 2: 2 },
  ],
  [
    'the last step',
    rolling(3, 1, 0),
    [
      { image: v1, size: 1 },
      { image: v2, size: 3 },
    ],
    { 1: 0 },
  ],
  [
    'without surge the old ones go first',
    rolling(3, 0, 1),
    [
      { image: v1, size: 3 },
      { image: v2, size: 0 },
    ],
    { 1: 2 },
  ],
  ['scaled down in the meantime', rolling(2, 1, 0), [{ image: v2, size: 5 }], { 2: 2 }],
  [
    'broken old pods go even if nothing else may',
    rolling(4, 1, 1),
    [
      { image: v1, size: 4, available: 2 },
      { image: v2, size: 1, available: 1 },
    ],
    { 1: 2 },
  ],
  [
    'a broken new version stops the rollout',
    rolling(4, 1, 1),
    [
      { image: v1, size: 3 },
      { image: v2, size: 2, available: 0 },
    ],
    {},
  ],
  [
    'several old ones: the oldest first',
    rolling(4, 0, 2),
    [
      { image: v1, size: 1, age: 500 },
      { image: v3, size: 3, age: 300 },
      { image: v2, size: 0, age: 10 },
    ],
    { 1: 0, 3: 2 },
  ],
  [
    'all at once',
    rolling(3, '100%', 0),
    [
      { image: v1, size: 3 },
      { image: v2, size: 0 },
    ],
    { 2: 3 },
  ],
];

void t.test('steps of a rolling update', (t) => {
  for (const [name, options, sets, expected] of steps) {
    const { deployment, family } = world({ ...options, image: v2 }, sets);
    t.same(sizes(planRollingUpdate(deployment, family)), expected, name);
  }
  t.end();
});

void t.test('a rolling update ends, and keeps its promises on the way', (t) => {
  for (const replicas of [1, 2, 3, 5, 10]) {
    for (const [surge, unavailable] of [
      [1, 0],
      [0, 1],
      ['25%', '25%'],
      ['100%', '50%'],
      [2, 3],
    ] as const) {
      const options = { ...rolling(replicas, surge, unavailable), image: v2 };
      const { maxSurge, maxUnavailable } = rolloutLimits(makeDeployment(options));
      const state = new Map([
        [v1, replicas],
        [v2, 0],
      ]);
      let rounds = 0;
      for (; (state.get(v1) ?? 0) > 0 || (state.get(v2) ?? 0) < replicas; rounds++) {
        if (rounds > 100) break;
        const { deployment, family } = world(options, [
          { image: v1, size: state.get(v1) ?? 0, age: 500 },
          { image: v2, size: state.get(v2) ?? 0 },
        ]);
        const plan = planRollingUpdate(deployment, family);
        const growth = plan.reduce(
          (sum, { replicaSet, size }) => sum + Math.max(0, size - (replicaSet.spec.replicas ?? 0)),
          0,
        );
        for (const { replicaSet, size } of plan)
          state.set(replicaSet.spec.template?.spec.containers[0]?.image ?? '', size);
        const total = (state.get(v1) ?? 0) + (state.get(v2) ?? 0);
        if (total > replicas + maxSurge || total - growth < replicas - maxUnavailable)
          t.fail(`out of bounds with ${String(total)}`);
      }
      t.ok(
        rounds <= 100,
        `${String(replicas)} replicas, surge ${String(surge)}, unavailable ${String(unavailable)}: ${String(rounds)} steps`,
      );
    }
  }
  t.end();
});

void t.test('sizes at creation, and recreate', (t) => {
  const { deployment, family } = world({ ...rolling(4, 1, 0), image: v2 }, [{ image: v1, size: 4 }]);
  t.equal(nextSizeOfCurrent(deployment, family.all, undefined), 1);
  const fresh = world({ ...rolling(4, 1, 0) }, []);
  t.equal(
    nextSizeOfCurrent(fresh.deployment, [], undefined),
    4,
    'no more than asked for, though surge would allow it',
  );
  const recreate = world({ strategy: { type: 'Recreate' }, image: v2 }, [
    { image: v1, size: 3 },
    { image: v3, size: 0 },
  ]);
  t.same(sizes(planRecreateTeardown(recreate.family)), { 1: 0 });
  t.equal(nextSizeOfCurrent(recreate.deployment, recreate.family.all, undefined), 3);
  t.end();
});

const scalings: readonly (readonly [
  string,
  DeploymentOptions,
  readonly (ReplicaSetOptions & { image: string })[],
  Record<string, number>,
])[] = [
  [
    'one with pods takes it all',
    { replicas: 7, image: v2 },
    [
      { image: v1, size: 3 },
      { image: v2, size: 0 },
    ],
    { 1: 7 },
  ],
  [
    'none has pods: the current one',
    { replicas: 7, image: v2 },
    [
      { image: v1, size: 0 },
      { image: v2, size: 0 },
    ],
    { 2: 7 },
  ],
  [
    'saturated: the old ones go',
    { ...rolling(3, 1, 0), image: v2 },
    [
      { image: v1, size: 1 },
      { image: v2, size: 3, desired: 3 },
    ],
    { 1: 0 },
  ],
  [
    'up in proportion',
    { ...rolling(20, 0, 1), image: v2 },
    [
      { image: v1, size: 8, desired: 10, max: 10 },
      { image: v2, size: 2, desired: 10, max: 10 },
    ],
    { 1: 16, 2: 4 },
  ],
  [
    'down in proportion',
    { ...rolling(5, 0, 1), image: v2 },
    [
      { image: v1, size: 8, desired: 10, max: 10 },
      { image: v2, size: 2, desired: 10, max: 10 },
    ],
    { 1: 4, 2: 1 },
  ],
  [
    'the rest of rounding goes to the largest',
    { ...rolling(11, 0, 1), image: v2 },
    [
      { image: v1, size: 6, desired: 10, max: 10 },
      { image: v2, size: 4, desired: 10, max: 10 },
    ],
    { 1: 7, 2: 4 },
  ],
  [
    'to zero',
    { ...rolling(0, 1, 0), image: v2 },
    [
      { image: v1, size: 3, desired: 5, max: 6 },
      { image: v2, size: 2, desired: 5, max: 6 },
    ],
    { 1: 0, 2: 0 },
  ],
];

void t.test('scaling in the middle of a rollout', (t) => {
  for (const [name, options, sets, expected] of scalings) {
    const { deployment, family } = world(options, sets);
    t.same(sizes(planScaling(deployment, family)), expected, name);
  }
  const scaled = world({ replicas: 5 }, [{ image: v1, size: 3, desired: 3 }]);
  t.ok(wasScaled(scaled.deployment, scaled.family));
  const same = world({ replicas: 3 }, [
    { image: v1, size: 2, desired: 3 },
    { image: v2, size: 0, desired: 9 },
  ]);
  t.notOk(wasScaled(same.deployment, same.family), 'one without pods does not tell');
  t.end();
});

void t.test('cleanup keeps as many old revisions as asked for', (t) => {
  const sets = [1, 2, 3, 4].map((revision) => ({
    image: `localhost/web:${String(revision)}`,
    size: revision === 2 ? 1 : 0,
    revision,
    age: 500 - revision,
  }));
  const { deployment, family } = world({ image: 'localhost/web:5', revisionHistoryLimit: 1 }, sets);
  t.same(
    planCleanup(deployment, family.old).map(({ metadata }) => metadata.annotations?.[revisionAnnotation]),
    ['1', '3'],
    'not the one with pods',
  );
  const unlimited = world({ image: 'localhost/web:5' }, sets);
  t.same(planCleanup(unlimited.deployment, unlimited.family.old), []);
  t.end();
});

void t.test('templates', (t) => {
  const template = makeTemplate();
  const labelled = { ...template, metadata: { labels: { app: 'web', 'pod-template-hash': 'x' } } };
  t.ok(isSameTemplate(template, labelled), 'but for the hash');
  t.notOk(isSameTemplate(template, makeTemplate(v2)));
  const reordered = { spec: { containers: [{ image: v1, name: 'main' }] }, metadata: template.metadata };
  t.ok(isSameTemplate(template, reordered), 'the order of members says nothing');
  const nulled: unknown = {
    metadata: { ...template.metadata, creationTimestamp: null, annotations: {} },
    spec: {
      ...template.spec,
      volumes: [],
      containers: [{ name: 'main', image: v1, resources: {}, env: [] }],
    },
  };
  t.ok(isSameTemplate(template, nulled as typeof template), 'nor does what is empty');
  const withVolume = (emptyDir: object | undefined): typeof template => ({
    ...template,
    spec: { ...template.spec, volumes: [{ name: 'v', ...(emptyDir === undefined ? {} : { emptyDir }) }] },
  });
  t.notOk(isSameTemplate(withVolume({}), withVolume(undefined)), 'an empty emptyDir is a volume');
  t.equal(hashTemplate(template, 0), hashTemplate(reordered, 0));
  t.not(hashTemplate(template, 0), hashTemplate(template, 1), 'a collision moves on');
  t.match(hashTemplate(template, 0), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  t.end();
});

void t.test('the current one is found by its template; of two the oldest', (t) => {
  const { family } = world({ image: v2 }, [
    { image: v2, size: 1, age: 5, name: 'young' },
    { image: v1, size: 1, age: 50 },
    { image: v2, size: 0, age: 500, name: 'old' },
  ]);
  t.equal(family.current?.metadata.name, 'old');
  t.same(family.old.map(({ metadata }) => metadata.name).at(-1), 'young');
  t.end();
});

void t.test('annotations and revisions', (t) => {
  const deployment = makeDeployment({
    annotations: {
      'kubernetes.io/change-cause': 'v2',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      [revisionAnnotation]: '1',
    },
  });
  const draft = draftReplicaSet(deployment, 2, 5);
  t.same(draft.metadata.annotations, {
    'kubernetes.io/change-cause': 'v2',
    [revisionAnnotation]: '5',
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
  });
  const hash = draft.metadata.labels?.['pod-template-hash'] ?? '';
  t.equal(draft.metadata.name, `web-${hash}`);
  t.same(draft.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
  t.same(draft.spec.template?.metadata.labels, { app: 'web', 'pod-template-hash': hash });
  const old = makeReplicaSet(deployment, { size: 0, revision: 1 });
  t.match(
    newReplicaSetAnnotations(deployment, old, 3),
    { [revisionAnnotation]: '3', [revisionHistoryAnnotation]: '1' },
    'an undo',
  );
  t.equal(
    newReplicaSetAnnotations(deployment, makeReplicaSet(deployment, { size: 0, revision: 4 }), 3)[
      revisionAnnotation
    ],
    '4',
    'never backwards',
  );
  t.end();
});

function withStatus(deployment: Deployment, status: DeploymentStatus): Deployment {
  return { ...deployment, status };
}

function progressing(status: DeploymentStatus) {
  const condition = status.conditions?.find(({ type }) => type === 'Progressing');
  return [condition?.status, condition?.reason, condition?.lastUpdateTime];
}

void t.test('the status of a rollout', (t) => {
  const { deployment, family } = world({ ...rolling(3, 1, 1), image: v2 }, [
    { image: v1, size: 2 },
    { image: v2, size: 2, available: 1 },
  ]);
  const began = {
    type: 'Progressing',
    status: 'True',
    reason: 'NewReplicaSetCreated',
    lastUpdateTime: secondsAgo(100),
    lastTransitionTime: secondsAgo(100),
  };
  const first = computeRolloutStatus(withStatus(deployment, { conditions: [began] }), family, testNow);
  t.match(first, {
    observedGeneration: 1,
    replicas: 4,
    updatedReplicas: 2,
    readyReplicas: 3,
    availableReplicas: 3,
    unavailableReplicas: 1,
  });
  t.match(
    first.conditions?.find(({ type }) => type === 'Available'),
    { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' },
  );
  t.same(progressing(first), ['True', 'ReplicaSetUpdated', secondsAgo(0)]);
  t.equal(first.conditions?.find(({ type }) => type === 'Progressing')?.lastTransitionTime, secondsAgo(100));
  const still = computeRolloutStatus(withStatus(deployment, first), family, testNow + 60_000);
  t.same(still, first, 'no progress: the status stays as it is');
  t.equal(progressDeadlineMs(deployment, still.conditions ?? []), testNow + 600_000);
  const late = computeRolloutStatus(withStatus(deployment, first), family, testNow + 601_000);
  t.match(progressing(late), ['False', 'ProgressDeadlineExceeded']);
  t.equal(progressDeadlineMs(deployment, late.conditions ?? []), undefined);
  const done = world({ ...rolling(3, 1, 1), image: v2 }, [
    { image: v1, size: 0 },
    { image: v2, size: 3 },
  ]);
  const finished = computeRolloutStatus(withStatus(done.deployment, late), done.family, testNow + 700_000);
  t.match(progressing(finished), ['True', 'NewReplicaSetAvailable'], 'late is better than never');
  t.ok(isComplete(done.deployment, finished));
  const shaky = world({ ...rolling(3, 1, 1), image: v2 }, [{ image: v2, size: 3, available: 1 }]);
  const after = computeRolloutStatus(withStatus(shaky.deployment, finished), shaky.family, testNow + 800_000);
  t.match(progressing(after), ['True', 'NewReplicaSetAvailable'], 'a pod that fails later is no new rollout');
  t.match(
    after.conditions?.find(({ type }) => type === 'Available'),
    { status: 'False', reason: 'MinimumReplicasUnavailable' },
  );
  t.end();
});

void t.test('no deadline, no condition; trouble of a replica set is passed on', (t) => {
  const deployment = makeDeployment({ progressDeadlineSeconds: 0x7fff_ffff });
  const failing: ReplicaSet = makeReplicaSet(deployment, { size: 3, pods: 0 });
  failing.status.conditions = [
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: 'quota',
      lastTransitionTime: secondsAgo(5),
    },
  ];
  const status = computeRolloutStatus(deployment, familyOf(deployment, [failing]), testNow);
  t.same(
    status.conditions?.map(({ type, reason }) => [type, reason]),
    [
      ['Available', 'MinimumReplicasUnavailable'],
      ['ReplicaFailure', 'FailedCreate'],
    ],
  );
  t.end();
});

void t.test('pausing', (t) => {
  const paused = makeDeployment({ paused: true });
  const conditions = pauseConditions(paused, testNow) ?? [];
  t.match(conditions, [{ type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused' }]);
  t.equal(pauseConditions(withStatus(paused, { conditions: [...conditions] }), testNow), undefined);
  const resumed = withStatus(makeDeployment(), { conditions: [...conditions] });
  t.match(pauseConditions(resumed, testNow), [{ reason: 'DeploymentResumed' }]);
  t.equal(pauseConditions(makeDeployment(), testNow), undefined);
  t.end();
});
