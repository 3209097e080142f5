import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { countAxis, throughputAxis, timeAxis } from '../../../cli/startup/plot-axis.js';
import { plotStartup } from '../../../cli/startup/plot.js';
import type { PlotSample } from '../../../cli/startup/plot.js';
import { packageRoot } from '../../../common/paths.js';

const startMs = Date.parse('2026-03-01T10:00:00Z');

/** Eight Pods, two at once, each five seconds. */
function smallStorm(): PlotSample[] {
  return Array.from({ length: 21 }, (_, second) => ({
    atMs: startMs + second * 1000,
    limit: 2,
    held: second < 20 ? 2 : 0,
    queued: Math.max(0, 6 - 2 * Math.floor(second / 5)),
    ready: second > 0 && second % 5 === 0 ? 2 : 0,
    failed: second === 7 ? 1 : 0,
    pressure: second < 20 ? 0.8 : 0,
    bytesPerSecond: second < 20 ? 20 * 1024 * 1024 : 0,
  }));
}

/** Every element is closed in its order, and no text breaks out of its place. */
function checkWellFormed(t: Test, svg: string): void {
  const open: string[] = [];
  for (const [, closes, name = '', isEmpty] of svg.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (closes === '/') t.equal(open.pop(), name, 'elements close in order');
    else if (isEmpty !== '/') open.push(name);
  }
  t.same(open, [], 'all elements are closed');
  t.notMatch(svg.replace(/<[^<>]*>/g, ''), /[<>]|&(?!#\d+;)/, 'texts are escaped');
  t.notMatch(svg, /NaN|undefined|Infinity/);
}

await t.test('axes end at round numbers', (t) => {
  for (const [most, max, labels] of [
    [0, 1, '0 1'],
    [3, 3, '0 1 2 3'],
    [14, 15, '0 5 10 15'],
    [60, 60, '0 20 40 60'],
    [289, 300, '0 100 200 300'],
  ] as const) {
    const axis = countAxis(most);
    t.equal(axis.max, max);
    t.equal(axis.ticks.map(({ label }) => label).join(' '), labels);
  }
  for (const [most, max, unit, labels] of [
    [0, 1, 'B/s', '0.0 0.5 1.0'],
    [900, 1000, 'B/s', '0 500 1000'],
    [21 * 1024 ** 2, 30 * 1024 ** 2, 'MiB/s', '0 10 20 30'],
    [1.5 * 1024 ** 3, 1.5 * 1024 ** 3, 'GiB/s', '0.0 0.5 1.0 1.5'],
  ] as const) {
    const axis = throughputAxis(most);
    t.equal(axis.max, max);
    t.equal(axis.unit, unit);
    t.equal(axis.ticks.map(({ label }) => label).join(' '), labels);
  }
  for (const [lengthMs, unit, labels] of [
    [0, 's', '0 1'],
    [48_000, 's', '0 10 20 30 40'],
    [200_000, 'min:s', '0:00 0:30 1:00 1:30 2:00 2:30 3:00'],
    [1_800_000, 'min:s', '0:00 5:00 10:00 15:00 20:00 25:00 30:00'],
  ] as const) {
    const axis = timeAxis(lengthMs);
    t.equal(axis.unit, unit);
    t.equal(axis.ticks.map(({ label }) => label).join(' '), labels);
  }
  t.end();
});

await t.test('a small storm looks as it did', (t) => {
  const svg = plotStartup(
    [{ title: 'alpha, /dev/sda', subtitle: '2026-03-01 10:00:00 UTC', samples: smallStorm() }],
    { title: 'Starts on alpha' },
  );
  checkWellFormed(t, svg);
  const golden = join(packageRoot(), 'test/unit/cli/startup-plot.svg');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, svg);
  t.equal(svg, readFileSync(golden, 'utf8'));
  for (const words of [
    'Slots',
    'Pods',
    'Failed starts',
    'Pressure (%)',
    'Throughput (MiB/s)',
    'limit',
    'in the queue',
    'became ready: 8',
    'failed or killed: 1',
    'prefers-color-scheme:dark',
  ])
    t.ok(svg.includes(words), words);
  t.end();
});

await t.test('panels without values, and one of failures where nothing failed, are left out', (t) => {
  const samples = smallStorm().map((sample) => ({ ...sample, failed: 0, pressure: undefined }));
  const svg = plotStartup([{ title: 'nfs', samples }], { title: 'No PSI' });
  checkWellFormed(t, svg);
  t.notOk(svg.includes('Pressure'));
  t.notOk(svg.includes('Failed starts'));
  t.ok(svg.includes('Throughput'));
  t.end();
});

await t.test('charts side by side share their scales', (t) => {
  const gateOff = smallStorm().map(({ atMs }, second) => ({ atMs, held: 60, failed: second, ready: 0 }));
  const svg = plotStartup(
    [
      { title: 'Without', samples: gateOff },
      { title: 'With', samples: smallStorm(), deviceBytesPerSecond: 20 * 1024 * 1024 },
    ],
    { title: 'Compared', columns: 2 },
  );
  checkWellFormed(t, svg);
  t.equal(svg.match(/>60</g)?.length, 2, 'the scale of the slots reaches 60 in both');
  t.equal(svg.match(/>limit</g)?.length, 1, 'a curve that is not there is not in the legend');
  t.ok(svg.includes('the device at most'));
  t.end();
});

await t.test('a pause of the kubelet is a gap', (t) => {
  const samples = smallStorm().filter((_, second) => second < 5 || second > 12);
  const svg = plotStartup([{ title: 'gap', samples }], { title: 'Gap' });
  const [, path = ''] = /class="curve limit" d="([^"]*)"/.exec(svg) ?? [];
  t.equal(path.match(/M/g)?.length, 2);
  t.end();
});

await t.test('nothing, and hostile names, are drawn as well', (t) => {
  const none = plotStartup([], { title: 'a <b> & "c"' });
  checkWellFormed(t, none);
  t.ok(none.includes('a &#60;b&#62; &#38; &#34;c&#34;'));
  t.ok(none.includes('There is nothing to draw yet.'));
  const empty = plotStartup([{ title: '</svg><script>', samples: [] }], { title: 'empty' });
  checkWellFormed(t, empty);
  t.ok(empty.includes('No samples yet.'));
  const one = smallStorm().slice(0, 1);
  checkWellFormed(t, plotStartup([{ title: 'one', samples: one }], { title: 'one sample' }));
  t.end();
});
