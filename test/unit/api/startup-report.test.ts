import t from 'tap';
import { readDevicesAnnotation, readStartupReport } from '../../../api/read-startup-report.js';
import {
  encodeDevicesAnnotation,
  encodeStartupReport,
  startupDevicesAnnotation,
} from '../../../api/startup-report.js';
import type { StartupReport } from '../../../api/startup-report.js';

const atMs = Date.parse('2026-03-01T10:00:00.250Z');

const report: StartupReport = {
  node: 'alpha',
  mode: 'Adaptive',
  atMs,
  devices: [
    {
      key: '8:0',
      about: '/dev/sda',
      controller: 'adaptive',
      limit: 4,
      held: 4,
      queued: 2,
      saturation: 0.97,
      isSaturated: true,
      bytesPerSecond: 20_971_520,
      pressure: 0.812,
      awaitMs: 41.5,
    },
    {
      ...{ key: 'nfs store:/export', about: 'nfs store:/export', controller: 'adaptive' },
      ...{ limit: 2, held: 0, queued: 0, saturation: 0, isSaturated: false },
      ...{ bytesPerSecond: undefined, pressure: undefined, awaitMs: undefined },
    },
  ],
  starts: [
    { namespace: 'shop', name: 'db-0', uid: 'u1', devices: ['8:0'], sinceMs: atMs - 12_000, bytes: 4096 },
    { namespace: 'shop', name: 'web', uid: 'u2', devices: ['8:0'], sinceMs: atMs - 1000, bytes: undefined },
  ],
  queue: [
    {
      ...{ place: 1, namespace: 'shop', name: 'cart', uid: 'u3', devices: ['8:0'], priority: 0 },
      ...{ reason: 'WaitingForSlot', message: 'no free slot of /dev/sda', sinceMs: atMs - 90_000 },
    },
  ],
  history: [
    {
      key: '8:0',
      about: '/dev/sda',
      samples: [
        {
          ...{ atMs: atMs - 2000, limit: 2, held: 2, queued: 5, ready: 0, failed: 0 },
          ...{ pressure: undefined, bytesPerSecond: undefined, awaitMs: undefined },
        },
        {
          ...{ atMs: atMs - 990, limit: 3, held: 3, queued: 4, ready: 1, failed: 2 },
          ...{ pressure: 0.5, bytesPerSecond: 1024, awaitMs: 2.5 },
        },
      ],
    },
    { key: 'empty', about: 'empty', samples: [] },
  ],
};

function overJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

await t.test('a report comes back from JSON as it was', (t) => {
  t.strictSame(readStartupReport(overJson(encodeStartupReport(report))), report);
  t.end();
});

await t.test('half an hour of a device is some 60 kB', (t) => {
  const [device] = report.history;
  const sample = device?.samples[1];
  if (device === undefined || sample === undefined) throw new Error('the report has a history');
  const samples = Array.from({ length: 1800 }, (_, index) => ({
    ...sample,
    atMs: sample.atMs + index * 1001,
    pressure: index / 1800,
    bytesPerSecond: 20_000_000 + index,
  }));
  const encoded = JSON.stringify(encodeStartupReport({ ...report, history: [{ ...device, samples }] }));
  t.ok(encoded.length < 80_000, `${encoded.length} bytes`);
  t.end();
});

await t.test('what is wrong with a report is said with its place', (t) => {
  const good = overJson(encodeStartupReport(report)) as Record<string, unknown>;
  const [device] = good['devices'] as Record<string, unknown>[];
  const [history] = good['history'] as Record<string, unknown>[];
  const cases: readonly (readonly [unknown, string])[] = [
    ['no report', 'report: expected an object'],
    [{}, 'report.kind: expected StartupReport, got nothing'],
    [{ ...good, version: 2 }, 'report.version: expected 1: this knarr is older than the kubelet, got 2'],
    [{ ...good, mode: 'Wild' }, 'report.mode: expected one of Adaptive, Fixed, Off, got "Wild"'],
    [{ ...good, at: 'soon' }, 'report.at: expected a time such as 2026-01-31T12:00:00.000Z, got "soon"'],
    [{ ...good, queue: {} }, 'report.queue: expected a list, got {}'],
    [{ ...good, starts: [7] }, 'report.starts[0]: expected an object'],
    [
      { ...good, devices: [device, { ...device, limit: '4' }] },
      'report.devices[1].limit: expected a number, got "4"',
    ],
    [
      { ...good, history: [{ ...history, limit: [1] }] },
      'report.history[0].limit: expected 2 numbers, got [1]',
    ],
    [
      { ...good, history: [{ ...history, held: [1, null] }] },
      'report.history[0].held: expected numbers without null, got [1,null]',
    ],
  ];
  for (const [value, message] of cases) t.throws(() => readStartupReport(value), { message }, message);
  t.end();
});

await t.test('keys of a newer kubelet are left alone', (t) => {
  const newer = { ...(overJson(encodeStartupReport(report)) as object), colour: 'blue' };
  t.strictSame(readStartupReport(newer), report);
  t.end();
});

await t.test('the annotation of a node', (t) => {
  const text = encodeDevicesAnnotation(report.devices);
  t.equal(
    text,
    '[{"key":"8:0","limit":4,"held":4,"queued":2,"isSaturated":true,"saturation":0.97},' +
      '{"key":"nfs store:/export","limit":2,"held":0,"queued":0,"isSaturated":false,"saturation":0}]',
  );
  t.strictSame(readDevicesAnnotation({ [startupDevicesAnnotation]: text })?.[0], {
    ...{ key: '8:0', limit: 4, held: 4, queued: 2, saturation: 0.97, isSaturated: true },
  });
  t.equal(readDevicesAnnotation({ other: 'x' }), undefined);
  t.equal(readDevicesAnnotation(undefined), undefined);
  for (const [bad, message] of [
    ['{', 'annotation startup.knarr.io/devices: no JSON'],
    ['{}', 'annotation.startup.knarr.io/devices: expected a list, got {}'],
    ['[{"key":"a"}]', 'annotation.startup.knarr.io/devices[0].limit: expected a number, got nothing'],
  ] as const)
    t.throws(() => readDevicesAnnotation({ [startupDevicesAnnotation]: bad }), { message });
  t.end();
});
