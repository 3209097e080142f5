/** The decisions about replicas: who goes first, how many, what is reported. */
import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import type { ReplicaSet } from '../../../api/generated/apps-v1.js';
import { selectorFromSet } from '../../../api/selectors.js';
import { planClaims } from '../../../controller-manager/controllers/claim-owned.js';
import { podName } from '../../../controller-manager/controllers/replicaset/build-pod.js';
import {
  computeStatus,
  nextAvailabilityMs,
} from '../../../controller-manager/controllers/replicaset/compute-status.js';
import { planReplicas } from '../../../controller-manager/controllers/replicaset/plan-replicas.js';
import { PodExpectations } from '../../../controller-manager/controllers/replicaset/pod-expectations.js';
import { rankForDeletion } from '../../../controller-manager/controllers/replicaset/rank-for-deletion.js';
import { slowStart } from '../../../controller-manager/controllers/replicaset/slow-start.js';
import { makeDeployment, makeReplica, makeReplicaSet, testNow } from '../../support/workload-objects.js';
import type { ReplicaPodOptions } from '../../support/workload-objects.js';

/** In each case `first` goes before `second`. */
const rankings: readonly (readonly [string, ReplicaPodOptions, ReplicaPodOptions])[] = [
  ['without a node', { node: '', phase: 'Pending' }, { phase: 'Pending' }],
  ['pending before running', { phase: 'Pending' }, { readyFor: 10 }],
  ['pending before unknown', { phase: 'Pending' }, { phase: 'Unknown' }],
  ['not ready', {}, { readyFor: 10 }],
  ['cheaper', { readyFor: 500, deletionCost: '-10' }, { readyFor: 10, deletionCost: '5' }],
  [
    'cost that is no number counts as zero',
    { readyFor: 10, deletionCost: 'x' },
    { readyFor: 500, deletionCost: '1' },
  ],
  ['ready for a shorter time', { readyFor: 10 }, { readyFor: 500 }],
  ['more restarts', { readyFor: 10, restarts: 3 }, { readyFor: 10, restarts: 1 }],
  ['younger', { readyFor: 10, age: 20 }, { readyFor: 10, age: 2000 }],
];

void t.test('who goes first', (t) => {
  const facts = { nowMs: testNow, related: [] };
  for (const [name, first, second] of rankings) {
    const pods = [makeReplica('a', first), makeReplica('b', second)];
    const order = (list: typeof pods) => rankForDeletion(list, facts).map(({ metadata }) => metadata.name);
    t.same(order(pods), ['a', 'b'], name);
    t.same(order([...pods].reverse()), ['a', 'b'], `${name}, the other way round`);
  }
  t.end();
});

void t.test('ages of the same order of magnitude are a matter of chance, that is of the uid', (t) => {
  const facts = { nowMs: testNow, related: [] };
  const pods = [makeReplica('a', { readyFor: 140 }), makeReplica('b', { readyFor: 200 })];
  t.same(rankForDeletion(pods, facts)[0]?.metadata.name, 'a');
  const other = [makeReplica('b', { readyFor: 140 }), makeReplica('a', { readyFor: 200 })];
  t.same(rankForDeletion(other, facts)[0]?.metadata.name, 'a');
  t.end();
});

void t.test('a crowded node gives first', (t) => {
  const pods = [
    makeReplica('alone', { node: 'n1', readyFor: 10 }),
    makeReplica('crowded', { node: 'n2', readyFor: 5000 }),
  ];
  const related = [...pods, makeReplica('sibling', { node: 'n2', readyFor: 5000 })];
  t.equal(rankForDeletion(pods, { nowMs: testNow, related })[0]?.metadata.name, 'crowded');
  t.end();
});

void t.test('how many', (t) => {
  const facts = { nowMs: testNow, related: [] };
  const pods = ['a', 'b', 'c'].map((name) => makeReplica(name, { readyFor: 10 }));
  t.same(planReplicas(3, pods, facts), { kind: 'enough' });
  t.same(planReplicas(5, pods, facts), { kind: 'create', count: 2 });
  t.same(planReplicas(5000, pods, facts), { kind: 'create', count: 500 }, 'in portions');
  t.match(planReplicas(1, pods, facts), { kind: 'delete', pods: { length: 2 } });
  t.end();
});

void t.test('status', (t) => {
  const replicaSet = { ...makeReplicaSet(makeDeployment(), { size: 3 }) };
  const owner: ReplicaSet = { ...replicaSet, spec: { ...replicaSet.spec, minReadySeconds: 30 } };
  const labels = owner.spec.template?.metadata.labels ?? {};
  const active = [
    makeReplica('old', { readyFor: 100, labels }),
    makeReplica('fresh', { readyFor: 10, labels }),
    makeReplica('starting', { labels: { app: 'web' } }),
  ];
  const all = [
    ...active,
    makeReplica('going', { terminating: true }),
    makeReplica('failed', { phase: 'Failed' }),
  ];
  const template = owner.spec.template;
  const status = computeStatus(owner, {
    template,
    pods: { all, active },
    failure: undefined,
    nowMs: testNow,
  });
  t.match(status, {
    replicas: 3,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 1,
    conditions: [],
  });
  t.equal(nextAvailabilityMs(owner, active, testNow), 20_000);
  const failure = { reason: 'FailedCreate', message: 'quota' } as const;
  const failed = computeStatus(owner, { template, pods: { all, active }, failure, nowMs: testNow });
  t.match(failed.conditions, [
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' },
  ]);
  t.end();
});

void t.test('claims', (t) => {
  const owner = makeDeployment();
  const selector = selectorFromSet({ app: 'web' });
  const [mine, gone, other] = [
    makeReplica('mine'),
    makeReplica('gone', { labels: {} }),
    makeReplica('other', { labels: {} }),
  ];
  const stray = makeReplica('stray');
  const leaving = makeReplica('leaving', { labels: {}, terminating: true });
  const plan = planClaims(owner, selector, [mine, gone, leaving], [stray, other]);
  t.same(plan, { keep: [mine, leaving], adopt: [stray], release: [gone] });
  const deleted = { ...owner, metadata: { ...owner.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  t.same(planClaims(deleted, selector, [mine, gone], [stray]), {
    keep: [mine, gone],
    adopt: [],
    release: [],
  });
  t.end();
});

void t.test('expectations', (t) => {
  const clock = new ManualClock();
  const expectations = new PodExpectations(clock);
  t.equal(expectations.waitMs('ns/a'), 0);
  expectations.expectCreation('ns/a', 'p1');
  expectations.expectCreation('ns/a', 'p2');
  t.equal(expectations.waitMs('ns/a'), 300_000);
  t.equal(expectations.waitMs('ns/b'), 0, 'owners do not wait for each other');
  expectations.sawPod('ns/a', 'p1');
  expectations.creationRefused('ns/a', 'p2');
  t.equal(expectations.waitMs('ns/a'), 0);
  expectations.expectDeletion('ns/a', 'uid');
  clock.advance(100_000);
  t.equal(expectations.waitMs('ns/a'), 200_000);
  clock.advance(200_000);
  t.equal(expectations.waitMs('ns/a'), 0, 'nobody waits for ever');
  expectations.expectCreation('ns/a', 'p3');
  expectations.creationUncertain('ns/a', 'p3');
  t.equal(expectations.waitMs('ns/a'), 0);
  t.same(expectations.uncertainNames('ns/a'), ['p3']);
  expectations.sawPod('ns/a', 'p3');
  t.same(expectations.uncertainNames('ns/a'), []);
  expectations.sawPod('ns/a', 'p4');
  expectations.expectCreation('ns/a', 'p5');
  expectations.sawPod('ns/a', 'p5');
  expectations.creationUncertain('ns/a', 'p5');
  t.same(expectations.uncertainNames('ns/a'), [], 'seen before the error came');
  t.end();
});

await t.test('slow start', async (t) => {
  const batches: number[] = [];
  let running = 0;
  const work = async (): Promise<void> => {
    running++;
    await Promise.resolve();
    if (running > 0) batches.push(running);
    running = 0;
  };
  t.same(
    await slowStart(
      Array.from({ length: 10 }, (_, i) => i),
      work,
    ),
    { failures: [], skipped: [] },
  );
  t.same(batches, [1, 2, 4, 3]);
  const failing = await slowStart([1, 2, 3, 4, 5, 6], (item) =>
    item === 3 ? Promise.reject(new Error('no')) : Promise.resolve(),
  );
  t.same(
    failing.failures.map(({ item }) => item),
    [3],
  );
  t.same(failing.skipped, [4, 5, 6]);
});

void t.test('names', (t) => {
  const owner = makeDeployment();
  t.match(podName(owner, Math.random), /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  const long = { ...owner, metadata: { ...owner.metadata, name: 'x'.repeat(100) } };
  t.equal(podName(long, Math.random).length, 63);
  t.end();
});
