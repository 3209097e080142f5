/** One decision: where the Pod goes, and what is said when it goes nowhere. */
import t from 'tap';
import type { SchedulerPlugin } from '../../../scheduler/framework/extension-points.js';
import { Framework, PluginError } from '../../../scheduler/framework/framework.js';
import { toNodeInfo } from '../../../scheduler/framework/node-info.js';
import { toPodInfo } from '../../../scheduler/framework/pod-info.js';
import { skip, success, unschedulable } from '../../../scheduler/framework/verdict.js';
import { createPlugins } from '../../../scheduler/plugins/registry.js';
import { scheduleOne } from '../../../scheduler/schedule-one.js';
import { recordingHandle } from '../../contract/scheduler-plugin.js';
import { makeNode, makePod } from '../../support/scheduling-objects.js';
import type { NodeOptions, PodOptions } from '../../support/scheduling-objects.js';

const framework = new Framework(createPlugins(recordingHandle()));

function decide(pod: Omit<PodOptions, 'name'>, nodes: readonly NodeOptions[], random = () => 0) {
  const infos = nodes.map((node) => toNodeInfo(makeNode(node), []));
  return scheduleOne(framework, toPodInfo(makePod({ name: 'p', ...pod })), infos, random);
}

const big = { requests: { cpu: '100' } };
const pinned = (...values: string[]): Omit<PodOptions, 'name'> => ({
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }],
        },
      },
    },
  },
});

const messages: readonly (readonly [string, Omit<PodOptions, 'name'>, readonly NodeOptions[], string])[] = [
  ['no node', {}, [], 'no nodes available to schedule pods'],
  ['one node', big, [{ name: 'a' }], '0/1 nodes are available: 1 Insufficient cpu.'],
  [
    'several reasons, counted and sorted',
    { requests: { cpu: '100', memory: '1Ti' } },
    [
      { name: 'a' },
      { name: 'b' },
      { name: 'c', unschedulable: true },
      { name: 'd', taints: [{ key: 'k', effect: 'NoSchedule' }] },
    ],
    '0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu, 2 Insufficient memory.',
  ],
  [
    'pinned to a node that is full',
    { ...big, ...pinned('a') },
    [{ name: 'a' }, { name: 'b' }],
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  ],
];

void t.test('messages', (t) => {
  for (const [name, pod, nodes, message] of messages)
    t.match(decide(pod, nodes), { kind: 'unschedulable', message }, name);
  t.end();
});

void t.test('the emptier node wins, and among equals chance', (t) => {
  const small = { cpu: '2', memory: '4Gi', pods: '110' };
  const large = { cpu: '16', memory: '32Gi', pods: '110' };
  const pod = { requests: { cpu: '1', memory: '2Gi' } };
  t.match(
    decide(pod, [
      { name: 'a', allocatable: small },
      { name: 'b', allocatable: large },
    ]),
    { nodeName: 'b' },
  );
  const equals = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  t.match(
    decide(pod, equals, () => 0),
    { nodeName: 'a' },
  );
  t.match(
    decide(pod, equals, () => 0.999),
    { nodeName: 'c' },
  );
  t.match(decide(pinned('b'), equals), { nodeName: 'b', feasibleNodes: 1, evaluatedNodes: 3 });
  t.end();
});

void t.test('the framework combines what plugins say', (t) => {
  const basics: SchedulerPlugin = { name: 'Basics', compare: () => 0, bind: () => Promise.resolve(skip) };
  const run = (...plugins: SchedulerPlugin[]) =>
    scheduleOne(
      new Framework([basics, ...plugins].map((plugin) => ({ plugin, weight: 2 }))),
      toPodInfo(makePod({ name: 'p' })),
      ['a', 'b'].map((name) => toNodeInfo(makeNode({ name }), [])),
      () => 0,
    );
  const never = (): never => {
    throw new Error('must not be called');
  };
  const skipping: SchedulerPlugin = {
    name: 'S',
    preFilter: () => skip,
    filter: never,
    preScore: () => skip,
    score: never,
  };
  t.match(run(skipping), { kind: 'placed' }, 'a plugin that skips is left out');
  const no: SchedulerPlugin = { name: 'No', filter: () => unschedulable('no') };
  const rescue: SchedulerPlugin = { name: 'R', postFilter: () => ({ kind: 'nominated', nodeName: 'b' }) };
  t.match(run(no, rescue), { kind: 'unschedulable', nominatedNodeName: 'b', rejectedBy: new Set(['No']) });
  const advice: SchedulerPlugin = {
    name: 'Adv',
    postFilter: () => ({ kind: 'unschedulable', message: 'preemption: none.' }),
  };
  t.match(run(no, advice), { message: '0/2 nodes are available: 2 no. preemption: none.' });
  const likesB: SchedulerPlugin = { name: 'B', score: (_state, _pod, { name }) => (name === 'b' ? 1 : 0) };
  t.match(run(likesB), { nodeName: 'b' });
  t.throws(() => run({ name: 'Wild', score: () => 101 }), PluginError, 'scores stay in their range');
  t.throws(() => run({ name: 'Broken', preFilter: never }), /plugin Broken failed in PreFilter/);
  t.match(run({ name: 'Fine', preFilter: () => success }), { kind: 'placed' });
  t.end();
});

void t.test('a profile that cannot work is refused', (t) => {
  const sort: SchedulerPlugin = { name: 'Sort', compare: () => 0 };
  const bind: SchedulerPlugin = { name: 'Bind', bind: () => Promise.resolve(success) };
  const make =
    (...plugins: SchedulerPlugin[]) =>
    () =>
      new Framework(plugins.map((plugin) => ({ plugin, weight: 1 })));
  t.throws(make(sort), /no plugin binds/);
  t.throws(make(bind), /exactly one plugin must sort/);
  t.throws(make(sort, bind, { ...bind }), /same name/);
  t.end();
});

void t.test('reserve is undone when a later plugin refuses', (t) => {
  const log: string[] = [];
  const reserving = (name: string, fails = false): SchedulerPlugin => ({
    name,
    reserve: () => {
      log.push(`reserve ${name}`);
      return fails ? unschedulable('no') : success;
    },
    unreserve: () => {
      log.push(`unreserve ${name}`);
    },
  });
  const basics: SchedulerPlugin = { name: 'Basics', compare: () => 0, bind: () => Promise.resolve(success) };
  const runner = new Framework(
    [basics, reserving('A'), reserving('B', true)].map((plugin) => ({ plugin, weight: 1 })),
  );
  const decision = scheduleOne(
    runner,
    toPodInfo(makePod({ name: 'p' })),
    [toNodeInfo(makeNode({ name: 'a' }), [])],
    () => 0,
  );
  if (decision.kind !== 'placed') throw new Error('not placed');
  t.match(runner.reserve(decision.state, toPodInfo(makePod({ name: 'p' })), 'a'), {
    kind: 'unschedulable',
    plugin: 'B',
  });
  t.same(log, ['reserve A', 'reserve B', 'unreserve B', 'unreserve A']);
  t.end();
});
