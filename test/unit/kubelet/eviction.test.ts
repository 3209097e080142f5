/** The decisions about pressure, one by one, and the manager that carries them out. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Node, Pod, PodSpec } from '../../../api/generated/core-v1.js';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { EndOrder } from '../../../kubelet/admission/end-order.js';
import { decodeConfiguration } from '../../../kubelet/config/decode-configuration.js';
import { EvictionManager } from '../../../kubelet/eviction/eviction-manager.js';
import { pressureMessage } from '../../../kubelet/eviction/eviction-message.js';
import { calm, judgePressure } from '../../../kubelet/eviction/judge-pressure.js';
import { brokenStorageLimit, hasStorageLimit } from '../../../kubelet/eviction/local-storage.js';
import { diskUsageOf } from '../../../kubelet/eviction/measure.js';
import type { PodUsage } from '../../../kubelet/eviction/pod-usage.js';
import { rankPods } from '../../../kubelet/eviction/rank-pods.js';
import { thresholdsOf } from '../../../kubelet/eviction/signals.js';
import type { Observations } from '../../../kubelet/eviction/signals.js';

const mebibyte = 1024 * 1024;

function pod(name: string, spec: Partial<PodSpec> = {}, memory?: string): Pod {
  const requests = memory === undefined ? {} : { requests: { memory } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'd', uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'a', resources: requests }], ...spec },
    status: {},
  };
}

function usage(memoryMebibytes: number, diskMebibytes = 0, volumes: [string, number][] = []): PodUsage {
  const bytes = memoryMebibytes * mebibyte;
  return {
    memoryBytes: bytes,
    processes: memoryMebibytes,
    containers: new Map([
      [
        'a',
        {
          memoryBytes: bytes,
          rootfs: { bytes: diskMebibytes * mebibyte, inodes: diskMebibytes },
          logs: { bytes: 0, inodes: 1 },
        },
      ],
    ]),
    volumes: new Map(volumes.map(([name, size]) => [name, { bytes: size * mebibyte, inodes: 1 }])),
  };
}

function memory(availableMebibytes: number): Observations {
  return { 'memory.available': { available: availableMebibytes * mebibyte, capacity: 1000 * mebibyte } };
}

const configured = (keys: Readonly<Record<string, unknown>>) =>
  thresholdsOf(decodeConfiguration({ enforceNodeAllocatable: ['none'], ...keys }).configuration);

void t.test('thresholds of the configuration', async (t) => {
  const thresholds = configured({
    evictionHard: { 'memory.available': '100Mi', 'imagefs.available': '0%' },
    evictionSoft: { 'nodefs.available': '10%' },
    evictionSoftGracePeriod: { 'nodefs.available': '1m' },
    evictionMinimumReclaim: { 'nodefs.available': '500Mi' },
  });
  t.strictSame(
    thresholds.map(({ signal, graceMs, minimumReclaim }) => [signal, graceMs, minimumReclaim !== undefined]),
    [
      ['memory.available', 0, false],
      ['nodefs.available', 60_000, true],
    ],
  );
  const enforced = thresholdsOf(decodeConfiguration({}).configuration);
  t.ok(enforced.some(({ signal }) => signal === 'allocatableMemory.available'));
});

void t.test(
  'pressure comes with the first sight, acts after its grace, and goes after a while',
  async (t) => {
    const thresholds = configured({
      evictionHard: { 'memory.available': '100Mi' },
      evictionSoft: { 'memory.available': '200Mi' },
      evictionSoftGracePeriod: { 'memory.available': '30s' },
      evictionMinimumReclaim: { 'memory.available': '50Mi' },
    });
    let state = calm;
    const look = (available: number, seconds: number): [string, string | undefined] => {
      const times = { nowMs: seconds * 1000, transitionMs: 60_000 };
      const judged = judgePressure(state, thresholds, memory(available), times);
      ({ state } = judged);
      const { reclaim } = judged;
      return [
        judged.pressures.join(),
        reclaim === undefined ? undefined : reclaim.graceMs === 0 ? 'hard' : 'soft',
      ];
    };
    t.strictSame(look(500, 0), ['', undefined]);
    t.strictSame(look(150, 10), ['MemoryPressure', undefined], 'a soft one has patience');
    t.strictSame(look(150, 39), ['MemoryPressure', undefined]);
    t.strictSame(look(150, 40), ['MemoryPressure', 'soft']);
    t.strictSame(look(220, 50), ['MemoryPressure', 'soft'], 'the minimum reclaim is not there yet');
    t.strictSame(look(260, 60), ['MemoryPressure', undefined], 'the condition holds on');
    t.strictSame(look(150, 70), ['MemoryPressure', undefined], 'the grace begins anew');
    t.strictSame(look(50, 80), ['MemoryPressure', 'hard'], 'a hard one has none');
    t.strictSame(look(500, 139), ['MemoryPressure', undefined]);
    t.strictSame(look(500, 140), ['', undefined]);
    t.strictSame(judgePressure(calm, thresholds, {}, { nowMs: 0, transitionMs: 0 }).pressures, []);
  },
);

void t.test('memory is won back before anything else', async (t) => {
  const thresholds = configured({ evictionHard: { 'nodefs.available': '10%', 'memory.available': '10%' } });
  const both = { ...memory(1), 'nodefs.available': { available: 1, capacity: 100 } };
  const { pressures, reclaim } = judgePressure(calm, thresholds, both, { nowMs: 0, transitionMs: 1 });
  t.strictSame([...pressures].sort(), ['DiskPressure', 'MemoryPressure']);
  t.equal(reclaim?.signal, 'memory.available');
});

void t.test('the order of eviction', async (t) => {
  const all = ['rootfs', 'logs', 'volumes'] as const;
  const within = pod('within', {}, '100Mi');
  const important = pod('important', { priority: 10 });
  const small = pod('small', {}, '10Mi');
  const large = pod('large', {}, '10Mi');
  const unknown = pod('unknown');
  const usages = new Map([
    ['within', usage(90, 1)],
    ['important', usage(500, 500)],
    ['small', usage(20, 30)],
    ['large', usage(60, 20)],
  ]);
  const order = (
    resource: Parameters<typeof rankPods>[2],
    of = [within, important, small, large],
  ): string[] => rankPods(of, usages, resource, all).map(({ metadata }) => metadata.name);
  t.strictSame(order('memory'), ['large', 'small', 'important', 'within'], 'over request, priority, usage');
  t.strictSame(order('memory', [within, unknown, large]), ['unknown', 'large', 'within']);
  t.strictSame(order('ephemeral-storage'), ['small', 'large', 'within', 'important']);
  t.strictSame(order('inodes'), ['small', 'large', 'within', 'important']);
  t.strictSame(order('pids'), ['within', 'large', 'small', 'important'], 'priority, number');
  const writer = pod('writer');
  const both = new Map([
    ['writer', usage(1, 0, [['cache', 50]])],
    ['small', usage(1, 30)],
  ]);
  const first = (parts: Parameters<typeof rankPods>[3]): string | undefined =>
    rankPods([small, writer], both, 'ephemeral-storage', parts)[0]?.metadata.name;
  t.equal(first(['logs', 'volumes']), 'writer', "on the node's own filesystem are logs and volumes");
  t.equal(first(['rootfs']), 'small', 'on that of images what containers wrote');
});

void t.test('the words', async (t) => {
  const [threshold] = configured({ evictionHard: { 'memory.available': '100Mi' } });
  if (threshold === undefined) throw new Error('there is no threshold');
  t.equal(
    pressureMessage(pod('p', {}, '10Mi'), threshold, memory(50), usage(60)),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
      'Container a was using 60Mi, request is 10Mi, has larger consumption of memory. ',
  );
  t.equal(
    pressureMessage(pod('p', {}, '100Mi'), threshold, {}, usage(60)),
    'The node was low on resource: memory. ',
  );
});

void t.test('limits of what may be written', async (t) => {
  const limits = { 'ephemeral-storage': '10Mi' };
  const limited = pod('l', { containers: [{ name: 'a', resources: { limits } }, { name: 'b' }] });
  const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '20Mi' } }];
  const table: [Pod, PodUsage, string | undefined][] = [
    [limited, usage(0, 10), undefined],
    [limited, usage(0, 11), 'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. '],
    [pod('v', { volumes }), usage(0, 0, [['cache', 20]]), undefined],
    [
      pod('v', { volumes }),
      usage(0, 0, [['cache', 21]]),
      'Usage of EmptyDir volume "cache" exceeds the limit "20Mi". ',
    ],
    [pod('free'), usage(0, 1e6), undefined],
  ];
  for (const [subject, used, message] of table) t.equal(brokenStorageLimit(subject, used)?.message, message);
  const two = pod('two', {
    containers: [
      { name: 'a', resources: { limits } },
      { name: 'b', resources: { limits: { 'ephemeral-storage': '1Gi' } } },
    ],
  });
  t.equal(
    brokenStorageLimit(two, usage(0, 11))?.message,
    'Container a exceeded its local ephemeral storage limit "10Mi". ',
  );
  t.strictSame([limited, pod('v', { volumes }), pod('free')].map(hasStorageLimit), [true, true, false]);
});

void t.test('what files take', async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  writeFileSync(join(folder, 'a/b/file'), Buffer.alloc(100_000, 1));
  const { bytes, inodes } = await diskUsageOf(folder);
  t.ok(bytes >= 100_000 && bytes < 150_000, String(bytes));
  t.equal(inodes, 4);
  t.strictSame(await diskUsageOf(join(folder, 'none')), { bytes: 0, inodes: 0 });
});

void t.test(
  'the manager: room that nobody needs first, then one pod at a time, never a critical one',
  async (t) => {
    const clock = new ManualClock();
    const done: string[] = [];
    const events: string[] = [];
    let disk = 5;
    let pods = [pod('a'), pod('b', { priority: 2_000_000_000 }), pod('c', { priority: 5 })];
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', uid: 'n', resourceVersion: '1', creationTimestamp: '' },
      spec: {},
      status: {},
    };
    const manager = new EvictionManager({
      thresholds: configured({ evictionHard: { 'nodefs.available': '10%' } }),
      transitionMs: 60_000,
      maxPodGracePeriodSeconds: 0,
      measurer: {
        observe: async () => ({ 'nodefs.available': { available: disk, capacity: 100 } }),
        measurePods: async () => new Map(),
        hasImageFilesystem: async () => false,
      },
      metrics: {
        evicted: (signal) => {
          done.push(`count ${signal}`);
        },
      },
      activePods: () => pods,
      endPod: async (uid: string, order: EndOrder) => {
        done.push(
          `end ${uid} ${order.reason} ${String(order.gracePeriodSeconds)} ${String(order.isDisruption)}`,
        );
        pods = pods.filter(({ metadata }) => metadata.uid !== uid);
      },
      reclaimDisk: [
        async () => {
          done.push('containers');
        },
        async () => {
          done.push('images');
        },
      ],
      onPressure: (pressures) => {
        done.push(`pressure ${pressures.join()}`);
      },
      node: () => node,
      recorder: {
        event: (about, type, reason, message) => {
          events.push(`${about.metadata.name} ${type} ${reason} ${message}`);
        },
      },
      clock,
      log: silentLogger,
    });
    const { signal } = new AbortController();
    t.equal(await manager.look(signal), true);
    t.strictSame(done.splice(0), [
      'pressure DiskPressure',
      'containers',
      'images',
      'count nodefs.available',
      'end a Evicted 1 true',
    ]);
    t.strictSame(manager.pressures(), ['DiskPressure']);
    t.match(events[0], 'n Warning EvictionThresholdMet Attempting to reclaim ephemeral-storage');
    t.match(events[1], 'a Warning Evicted The node was low on resource: ephemeral-storage. ');
    t.equal(await manager.look(signal), true);
    t.strictSame(done.splice(0), ['containers', 'images', 'count nodefs.available', 'end c Evicted 1 true']);
    t.equal(await manager.look(signal), false, 'only a critical pod is left');
    disk = 50;
    done.length = 0;
    clock.advance(59_000);
    t.equal(await manager.look(signal), false);
    t.strictSame(manager.pressures(), ['DiskPressure']);
    clock.advance(1000);
    await manager.look(signal);
    t.strictSame([manager.pressures(), done], [[], ['pressure ']]);
  },
);
