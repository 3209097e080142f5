/** The kernel's counters of I/O: how they are read, and what follows from two looks at them. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import type { BackingDevice, DeviceFinder } from '../../../kubelet/startup/devices/backing-device.js';
import { computeSamples } from '../../../kubelet/startup/pressure/compute-samples.js';
import type { Counters } from '../../../kubelet/startup/pressure/compute-samples.js';
import {
  parseDiskstats,
  parseMountstats,
  parsePressureTotal,
} from '../../../kubelet/startup/pressure/kernel-counters.js';
import type { DiskCounters } from '../../../kubelet/startup/pressure/kernel-counters.js';
import {
  createProgressReader,
  parseCgroupBytes,
  parseProcessBytes,
} from '../../../kubelet/startup/pressure/progress-reader.js';
import { createSampler } from '../../../kubelet/startup/pressure/sampler.js';

const diskstats = [
  '   7       1 loop1 459 3 8610 156 945 547 100056 2256 0 2384 4014 0 0 0 0 468 1602',
  ' 254       0 vda 690594 44094 11868058 782290 5665460 2109687 217408416 2371252 3 1200496 4127077 1509864 3996 249954480 281459 1547022 692074',
  // Before 4.18, and a partition of before 2.6.25.
  '   8       0 sda 10 1 80 5 20 2 160 15 1 12 20',
  '   8       1 sda1 10 80 20 160',
  '',
].join('\n');

void t.test('diskstats of several ages of the kernel', async (t) => {
  const rows = parseDiskstats(diskstats);
  t.strictSame([...rows.keys()], ['7:1', '254:0', '8:0']);
  t.strictSame(rows.get('254:0'), {
    requests: 690594 + 5665460 + 1509864 + 1547022,
    requestsMs: 782290 + 2371252 + 281459 + 692074,
    bytes: (11868058 + 217408416) * 512,
    inFlight: 3,
    busyMs: 1200496,
  });
  t.strictSame(rows.get('8:0'), { requests: 30, requestsMs: 20, bytes: 240 * 512, inFlight: 1, busyMs: 12 });
  t.strictSame([...parseDiskstats('').keys()], []);
});

void t.test('PSI', async (t) => {
  const text =
    'some avg10=6.64 avg60=6.31 avg300=2.63 total=1125462511\nfull avg10=0.06 avg60=0.21 avg300=0.25 total=82981444\n';
  t.equal(parsePressureTotal(text), 1125462511);
  t.equal(parsePressureTotal(''), undefined);
});

const mountstats = `device proc mounted on /proc with fstype proc
device 10.0.0.9:/export mounted on /mnt/nfs with fstype nfs4 statvers=1.1
	opts:	rw,vers=4.2,rsize=1048576
	age:	1000
	bytes:	1000 2000 30 40 5000 6000 70 80
	RPC iostats version: 1.1  p/v: 100003/4 (nfs)
	xprt:	tcp 0 0 1 0 0 207 204 0 5000 0 2 0 0
	per-op statistics
	        NULL: 1 1 0 44 24 0 0 1 0
	        READ: 100 100 0 17600 5010000 30 900 1000 0
	       WRITE: 10 10 0 6001000 1400 5 190 200 0
device 10.0.0.9:/export mounted on /mnt/again with fstype nfs4 statvers=1.1
	bytes:	1 1 1 1 1 1 1 1
device srv:/old mounted on /mnt/old with fstype nfs statvers=1.1
	bytes:	0 0 0 0 7 8 0 0
	xprt:	udp 0 0 5 4 0 9 0
	        READ: 1 1 0 1 1 1 1 4
`;

void t.test('mountstats of NFS', async (t) => {
  t.strictSame(
    [...parseMountstats(mountstats)],
    [
      ['10.0.0.9:/export', { requests: 111, requestsMs: 1201, bytes: 11000, inFlight: 3, busyMs: 1201 }],
      ['srv:/old', { requests: 1, requestsMs: 4, bytes: 15, inFlight: 0, busyMs: 4 }],
    ],
  );
});

const idle: DiskCounters = { requests: 100, requestsMs: 1000, bytes: 4096, inFlight: 0, busyMs: 500 };
const looks = (
  waitedMicroseconds: number | undefined,
  rows: Readonly<Record<string, Partial<DiskCounters>>>,
): { before: Counters; now: Counters } => {
  const names = Object.keys(rows);
  const after = names.map((name): [string, DiskCounters] => {
    const more = rows[name] ?? {};
    return [
      name,
      {
        requests: idle.requests + (more.requests ?? 0),
        requestsMs: idle.requestsMs + (more.requestsMs ?? 0),
        bytes: idle.bytes + (more.bytes ?? 0),
        inFlight: more.inFlight ?? 0,
        busyMs: idle.busyMs + (more.busyMs ?? 0),
      },
    ];
  });
  return {
    before: {
      atMs: 1000,
      waitedMicroseconds: [waitedMicroseconds === undefined ? undefined : 7_000_000],
      rows: new Map(names.map((name) => [name, idle])),
    },
    now: {
      atMs: 1500,
      waitedMicroseconds: [waitedMicroseconds === undefined ? undefined : 7_000_000 + waitedMicroseconds],
      rows: new Map(after),
    },
  };
};
const none = {
  pressure: undefined,
  utilization: undefined,
  awaitMs: undefined,
  requestsInFlight: undefined,
  bytesPerSecond: undefined,
};

void t.test('a saturated disk makes no other look saturated', async (t) => {
  const { before, now } = looks(500_000, {
    slow: { requests: 10, requestsMs: 30_000, bytes: 10_000_000, inFlight: 60, busyMs: 500 },
    fast: { requests: 50, requestsMs: 5, bytes: 400_000, busyMs: 25 },
    unused: {},
  });
  const samples = computeSamples(before, now, new Map(['slow', 'fast', 'unused'].map((key) => [key, [key]])));
  t.strictSame(
    [...samples],
    [
      [
        'slow',
        { pressure: 1, utilization: 1, awaitMs: 3000, requestsInFlight: 60, bytesPerSecond: 20_000_000 },
      ],
      [
        'fast',
        { pressure: 0.05, utilization: 0.05, awaitMs: 0.1, requestsInFlight: 0, bytesPerSecond: 800_000 },
      ],
      ['unused', { pressure: 0, utilization: 0, awaitMs: undefined, requestsInFlight: 0, bytesPerSecond: 0 }],
    ],
  );
});

void t.test('what is waited for is less than what is busy, and never more than all the time', async (t) => {
  const both = looks(200_000, { a: { busyMs: 510 }, b: { busyMs: 480 } });
  const samples = computeSamples(both.before, both.now, new Map([['backend', ['a', 'b']]]));
  t.match(samples.get('backend'), { pressure: 0.4, utilization: 1 });
  const much = looks(600_000, { a: { busyMs: 500 } });
  t.match(computeSamples(much.before, much.now, new Map([['a', ['a']]])).get('a'), { pressure: 1 });
});

void t.test('a kernel that tells less, and counters that begin anew', async (t) => {
  const rowsOf = new Map([['a', ['a']]]);
  const noPsi = looks(undefined, { a: { busyMs: 100 } });
  t.match(computeSamples(noPsi.before, noPsi.now, rowsOf).get('a'), {
    pressure: undefined,
    utilization: 0.2,
  });
  t.strictSame(computeSamples({ ...noPsi.before, rows: new Map() }, noPsi.now, rowsOf).get('a'), none);
  t.strictSame(computeSamples(noPsi.before, { ...noPsi.now, rows: new Map() }, rowsOf).get('a'), none);
  const back = looks(-5_000_000, { a: { busyMs: 100 } });
  t.match(computeSamples(back.before, back.now, rowsOf).get('a'), { pressure: undefined, utilization: 0.2 });
  const again = looks(100_000, { a: { requestsMs: -900, busyMs: 100 } });
  t.strictSame(computeSamples(again.before, again.now, rowsOf).get('a'), none);
  t.strictSame([...computeSamples(again.now, again.now, rowsOf)], [], 'no time has passed');
  const busy = looks(100_000, { a: { busyMs: 450 } });
  const before = { ...busy.before, waitedMicroseconds: [7_000_000, 1_000_000, undefined] };
  const now = { ...busy.now, waitedMicroseconds: [7_100_000, 1_400_000, 9_000_000] };
  t.match(
    computeSamples(before, now, rowsOf).get('a'),
    { pressure: 0.8 },
    'the Pods wait more than the rest',
  );
});

void t.test('the sampler counts each request once, in the row next to its device', async (t) => {
  const clock = new ManualClock();
  const ways: Readonly<Record<string, readonly string[]>> = {
    '8:0': ['8:0'],
    '8:1': ['8:1', '8:0'],
    '253:0': ['253:0', '8:0'],
  };
  const device = (key: string, diskstats: readonly string[]): BackingDevice => ({
    key,
    about: key,
    diskstats,
  });
  const finder: DeviceFinder = {
    find: async () => [],
    findBlockDevice: async (row) =>
      [device('8:0', ways[row] ?? [])].filter((one) => one.diskstats.length > 0),
    findNetwork: async (type, source) => [device(`${type} ${source}`, [])],
    findBackend: () => undefined,
    addToBackend: () => undefined,
  };
  let ms = 1;
  const row = (number: string): string => `${number} x 1 0 ${ms * 2} 0 0 0 0 0 1 ${ms} ${ms}`;
  let mountstatsReads = 0;
  const sampler = createSampler({
    texts: {
      pressures: async () => [`some avg10=0 total=${String(ms * 1000)}`, undefined],
      diskstats: async () => ['8 0', '8 1', '253 0', '7 5'].map(row).join('\n'),
      mountstats: async () => {
        mountstatsReads++;
        return undefined;
      },
    },
    finder,
    clock,
  });
  t.strictSame([...(await sampler.sample())], [], 'nothing to compare with');
  clock.advance(500);
  ms += 250;
  t.strictSame(
    [...(await sampler.sample())],
    [
      [
        '8:0',
        { pressure: 0.5, utilization: 0.5, awaitMs: undefined, requestsInFlight: 1, bytesPerSecond: 512_000 },
      ],
    ],
  );
  t.equal(mountstatsReads, 1, 'a node without NFS');
});

void t.test('a kernel without anything', async (t) => {
  const clock = new ManualClock();
  const nothing = async (): Promise<undefined> => undefined;
  const texts = { pressures: async () => [undefined], diskstats: nothing, mountstats: nothing };
  const finder = {} as DeviceFinder;
  const sampler = createSampler({ texts, finder, clock });
  await sampler.sample();
  clock.advance(500);
  t.strictSame([...(await sampler.sample())], []);
});

void t.test('bytes of a cgroup and of a process', async (t) => {
  const stat =
    '8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0 rbytes=1 wbytes=2 rios=0 wios=0\n';
  t.equal(parseCgroupBytes(stat), 1459200 + 314773504 + 3);
  t.equal(parseCgroupBytes(''), 0);
  const io = 'rchar: 100\nwchar: 20\nsyscr: 1\nread_bytes: 7\nwrite_bytes: 4\ncancelled_write_bytes: 3\n';
  t.equal(parseProcessBytes(io, 'disk'), 11);
  t.equal(parseProcessBytes(io, 'all'), 131);
  t.equal(parseProcessBytes('', 'all'), 0);
});

void t.test('which counter of a cgroup is read', async (t) => {
  const mountPoint = t.testdir({
    pods: { 'io.stat': '8:0 rbytes=5 wbytes=6\n', 'cgroup.procs': '' },
    withoutController: {
      'cgroup.procs': '',
      main: { 'cgroup.procs': `${String(process.pid)}\n999999999\n` },
    },
    cpu: { pods: { 'cgroup.procs': '', main: { 'cgroup.procs': `${String(process.pid)}\n` } } },
  });
  const clock = new ManualClock();
  const v2 = createProgressReader({ version: 2, clock, mountPoint });
  t.equal(await v2.bytesOf('/pods'), 11);
  const network = [{ key: 'nfs a:/b', about: '', diskstats: [] }];
  t.equal(await v2.bytesOf('/pods', network), 0, 'nothing but what its processes ask for');
  t.equal(await v2.bytesOf('/gone'), undefined);
  const own = await v2.bytesOf('/withoutController', network);
  t.ok(own !== undefined && own > 1000, 'this process, and none that is gone');
  const v1 = createProgressReader({ version: 1, clock, mountPoint });
  const before = await v1.bytesOf('/pods', network);
  await readFile(fileURLToPath(import.meta.url));
  const after = await v1.bytesOf('/pods', network);
  t.ok(before !== undefined && after !== undefined && after > before, 'moves');
  await writeFile(join(mountPoint, 'cpu/pods/main/cgroup.procs'), '');
  clock.advance(3000);
  t.equal(await v1.bytesOf('/pods', network), 0, 'its processes are looked up again after a while');
});
