/** What `knarr startup` shows, as text: within the width and height of a terminal. */
import t from 'tap';
import type { NodeAnswer } from '../../../cli/startup/ask-nodes.js';
import { LiveScreen } from '../../../cli/startup/live-screen.js';
import { plotReports } from '../../../cli/startup/plot-report.js';
import { plainLines, renderNodes } from '../../../cli/startup/render.js';
import type { Room } from '../../../cli/startup/render.js';
import { layOut } from '../../../cli/startup/text-table.js';
import { makeStartupReport } from '../../support/startup-reports.js';

const atMs = Date.parse('2026-03-01T10:00:00Z');
const busy = makeStartupReport('alpha', { atMs, queued: 9 });
const calm = { ...makeStartupReport('beta', { atMs, queued: 0 }), starts: [], history: [] };
const off = { ...calm, node: 'gamma', mode: 'Off' as const, devices: [] };
const answers: readonly NodeAnswer[] = [
  { kind: 'report', node: 'alpha', report: busy },
  { kind: 'report', node: 'beta', report: calm },
  { kind: 'report', node: 'gamma', report: off },
  { kind: 'silent', node: 'delta', why: 'its kubelet does not answer: connection refused' },
];

function textOf(shown: readonly NodeAnswer[], room: Room): readonly string[] {
  return renderNodes(shown, room).map((line) =>
    line
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );
}

await t.test('everything, where there is room', (t) => {
  const lines = textOf(answers, { columns: Infinity, rows: undefined });
  t.strictSame(lines.slice(0, 14), [
    'alpha  Adaptive, 4 starting, 9 waiting, saturated: /dev/sda',
    'DEVICE             SLOTS  QUEUE  SATURATION    PRESSURE  READ+WRITE  AWAIT',
    '/dev/sda           4/4    9      [#####] 97 %  81 %      20.0 MiB/s  41 ms',
    'nfs files:/export  0/2    0      [.....] 0 %   -         -           -',
    '',
    'STARTING       DEVICE    FOR  READ+WRITTEN',
    'shop/orders-1  /dev/sda  7s   3.0 MiB',
    'shop/orders-2  /dev/sda  14s  6.0 MiB',
    'shop/orders-3  /dev/sda  21s  9.0 MiB',
    'shop/orders-4  /dev/sda  28s  -',
    '',
    'PLACE  WAITING      DEVICE    FOR    PRIORITY    WHY',
    '1      shop/cart-0  /dev/sda  1m30s  2000000000  all slots of /dev/sda are taken',
    '2      shop/cart-1  /dev/sda  1m30s  0           after service/registry, which is not ready',
  ]);
  t.ok(lines.includes('Nothing starts.'));
  t.ok(lines.includes('gamma  everybody starts at once (startupIO.mode is Off)'));
  t.ok(lines.includes('delta  its kubelet does not answer: connection refused'));
  t.end();
});

await t.test('a small terminal is kept to, and what is not shown is counted', (t) => {
  for (const [columns, rows] of [
    [80, 24],
    [60, 20],
    [40, 12],
    [20, 5],
  ] as const) {
    const lines = textOf(answers, { columns, rows });
    t.ok(lines.length <= rows, `${lines.length} lines on ${rows}`);
    for (const line of lines) t.ok(line.length <= columns, `${line.length} letters on ${columns}`);
  }
  const lines = textOf(answers.slice(0, 1), { columns: 80, rows: 14 });
  t.strictSame(
    lines.filter((line) => line.startsWith('…')),
    ['… and 2 more', '… and 7 more'],
  );
  t.end();
});

await t.test('colours say how full a device is, and do not count as width', (t) => {
  const tintOf = (saturation: number, isSaturated: boolean) => {
    const [device] = busy.devices;
    if (device === undefined) throw new Error('the report has a device');
    const report = { ...busy, devices: [{ ...device, saturation, isSaturated }] };
    const lines = renderNodes([{ kind: 'report', node: 'alpha', report }], { columns: 80, rows: undefined });
    return lines[2]?.find(({ text }) => text.startsWith('['))?.tint;
  };
  t.equal(tintOf(0.2, false), 'green');
  t.equal(tintOf(0.6, false), 'yellow');
  t.equal(tintOf(0.6, true), 'red');
  t.end();
});

await t.test('a file gets a line for each device', (t) => {
  t.strictSame(plainLines(answers, atMs).slice(0, 2), [
    '2026-03-01T10:00:00Z alpha /dev/sda:  slots 4/4  queue 9  saturation 97 %  pressure 81 %  20.0 MiB/s',
    '2026-03-01T10:00:00Z alpha nfs files:/export:  slots 0/2  queue 0  saturation 0 %  pressure -  -',
  ]);
  t.equal(plainLines(answers, atMs).length, 6);
  t.end();
});

await t.test('columns give way from the widest on', (t) => {
  const row = (...texts: readonly string[]) => texts.map((text) => ({ text }));
  const shown = layOut([row('a', 'a long name of a thing', 'x'), row('bb', 'short', 'why it is so')], 24);
  t.strictSame(
    shown.map((line) => line.map(({ text }) => text).join('')),
    ['a   a long n…  x', 'bb  short      why it i…'],
  );
  t.end();
});

await t.test('a live screen is drawn over itself in one write, and gives the terminal back once', (t) => {
  const written: string[] = [];
  const screen = new LiveScreen((text) => written.push(text));
  screen.close();
  t.same(written, [], 'what was never opened is not closed');
  screen.draw(['one', 'two']);
  screen.draw(['three']);
  screen.close();
  screen.close();
  t.strictSame(written, [
    '\u001b[?1049h\u001b[?25l\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J',
    '\u001b[Hthree\u001b[K\u001b[J',
    '\u001b[?25h\u001b[?1049l',
  ]);
  t.end();
});

await t.test('the picture of what nodes remember', (t) => {
  const svg = plotReports([busy, calm]) ?? '';
  t.ok(svg.includes('Starts on 2 nodes'));
  t.ok(svg.includes('alpha, /dev/sda'));
  t.ok(svg.includes('2026-03-01 09:59:00 to 09:59:59 UTC'));
  t.ok(plotReports([busy])?.includes('Starts on alpha'));
  t.equal(plotReports([calm, off]), undefined);
  t.equal(plotReports([]), undefined);
  t.end();
});
