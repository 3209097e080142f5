import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { decodeConfiguration } from '../../../kubelet/config/decode-configuration.js';
import { planShutdown, shutdownPeriods } from '../../../kubelet/shutdown/plan-shutdown.js';
import { shutDownNode } from '../../../kubelet/shutdown/shut-down-node.js';

function pod(name: string, priority: number, terminationGracePeriodSeconds = 30): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'd', uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [], priority, terminationGracePeriodSeconds },
    status: {},
  };
}

const periodsOf = (keys: Readonly<Record<string, unknown>>) =>
  shutdownPeriods(decodeConfiguration(keys).configuration);

void t.test('the periods of the configuration', async (t) => {
  t.strictSame(periodsOf({}), []);
  const two = periodsOf({ shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s' });
  t.strictSame(two, [
    { priority: 0, shutdownGracePeriodSeconds: 20 },
    { priority: 2_000_000_000, shutdownGracePeriodSeconds: 10 },
  ]);
  const byPriority = [
    { priority: 100, shutdownGracePeriodSeconds: 5 },
    { priority: 0, shutdownGracePeriodSeconds: 60 },
  ];
  t.strictSame(
    periodsOf({ shutdownGracePeriodByPodPriority: byPriority }).map(({ priority }) => priority),
    [0, 100],
  );
});

void t.test('who ends when, and with how much time', async (t) => {
  const periods = [
    { priority: 0, shutdownGracePeriodSeconds: 20 },
    { priority: 100, shutdownGracePeriodSeconds: 10 },
    { priority: 2_000_000_000, shutdownGracePeriodSeconds: 5 },
  ];
  const pods = [
    pod('critical', 2_000_001_000, 60),
    pod('plain', 0, 60),
    pod('short', 99, 3),
    pod('negative', -5),
    pod('high', 100),
  ];
  t.strictSame(
    planShutdown(pods, periods).map((group) => [
      group.periodSeconds,
      group.pods.map((one) => `${one.pod.metadata.name} ${one.gracePeriodSeconds}`),
    ]),
    [
      [20, ['plain 20', 'short 3', 'negative 20']],
      [10, ['high 10']],
      [5, ['critical 5']],
    ],
  );
  t.strictSame(planShutdown([pod('a', 100)], periods).length, 1, 'an empty group takes no time');
});

void t.test('a group that does not end has its time, and no more', async (t) => {
  const clock = new ManualClock();
  const ended: string[] = [];
  const work = shutDownNode({
    periods: [
      { priority: 0, shutdownGracePeriodSeconds: 20 },
      { priority: 100, shutdownGracePeriodSeconds: 10 },
    ],
    activePods: () => [pod('stubborn', 0), pod('last', 100)],
    endPod: (uid, order) => {
      ended.push(`${uid} ${order.reason}`);
      return uid === 'stubborn' ? new Promise(() => undefined) : Promise.resolve();
    },
    clock,
    log: silentLogger,
  });
  await new Promise(setImmediate);
  t.strictSame(ended, ['stubborn Terminated']);
  clock.advance(20_000);
  await work;
  t.strictSame(ended, ['stubborn Terminated', 'last Terminated']);
});
