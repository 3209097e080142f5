/** How the starts of nodes are shown to people: a table of devices, of starts, and the queue. Pure. */
import type { DeviceReport, QueueReport, StartReport, StartupReport } from '../../api/startup-report.js';
import { age } from '../terminal.js';
import type { Colour } from '../terminal.js';
import type { NodeAnswer } from './ask-nodes.js';
import { cutLine, layOut } from './text-table.js';
import type { Cell, Line } from './text-table.js';

export interface Room {
  readonly columns: number;
  /** Undefined: as many as there are. */
  readonly rows: number | undefined;
}

export function renderNodes(answers: readonly NodeAnswer[], room: Room): readonly Line[] {
  if (answers.length === 0) return [[{ text: 'There is no node yet.' }]];
  const fixed = answers.map((answer) => renderHead(answer, room.columns));
  const used = fixed.reduce((sum, lines) => sum + lines.length, 0) + answers.length - 1;
  const lists = answers.map((answer) => (answer.kind === 'report' ? listsOf(answer.report) : []));
  const rows = shareRows(lists.flat(), room.rows === undefined ? Infinity : room.rows - used);
  const lines = answers.flatMap((_, index) => [
    ...(index > 0 ? [[]] : []),
    ...(fixed[index] ?? []),
    ...(lists[index] ?? []).flatMap((list) => renderList(list, rows.get(list) ?? 0, room.columns)),
  ]);
  return lines.slice(0, room.rows ?? lines.length).map((line) => cutLine(line, room.columns));
}

/** The node, and a line for each of its devices. */
function renderHead(answer: NodeAnswer, columns: number): readonly Line[] {
  if (answer.kind === 'silent')
    return [
      [
        { text: `${answer.node}  `, tint: 'bold' },
        { text: answer.why, tint: 'red' },
      ],
    ];
  const { report } = answer;
  const { starts, queue, devices } = report;
  const head: Line = [{ text: `${report.node}  `, tint: 'bold' }, ...summary(report)];
  if (report.mode === 'Off' || devices.length === 0) return [head];
  const table = layOut(
    [
      heads('DEVICE', 'SLOTS', 'QUEUE', 'SATURATION', 'PRESSURE', 'READ+WRITE', 'AWAIT'),
      ...devices.map(deviceCells),
    ],
    columns,
  );
  return starts.length + queue.length === 0
    ? [head, ...table, [{ text: 'Nothing starts.', tint: 'dim' }]]
    : [head, ...table];
}

function summary({ mode, starts, queue, devices }: StartupReport): Line {
  if (mode === 'Off') return [{ text: 'everybody starts at once (startupIO.mode is Off)' }];
  const saturated = devices.filter(({ isSaturated }) => isSaturated);
  return [
    { text: `${mode}, ${starts.length} starting, ${queue.length} waiting` },
    ...(saturated.length === 0
      ? []
      : [{ text: `, saturated: ${saturated.map(({ about }) => about).join(', ')}`, tint: 'red' as const }]),
  ];
}

function deviceCells(device: DeviceReport): readonly Cell[] {
  const { about, held, limit, queued, saturation, isSaturated } = device;
  const full: Colour = isSaturated ? 'red' : saturation >= 0.5 ? 'yellow' : 'green';
  return [
    { text: about },
    { text: `${held}/${limit}` },
    { text: String(queued), ...(queued > 0 ? { tint: 'yellow' } : {}) },
    { text: `[${bar(saturation)}] ${percent(saturation)}`, tint: full },
    { text: known(device.pressure, percent) },
    { text: known(device.bytesPerSecond, (bytes) => `${showBytes(bytes)}/s`) },
    { text: known(device.awaitMs, (ms) => `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`) },
  ];
}

/** Rows of one kind below a heading; what does not fit is counted. */
interface List {
  readonly heading: readonly Cell[];
  readonly rows: readonly (readonly Cell[])[];
}

function listsOf(report: StartupReport): readonly List[] {
  const aboutOf = new Map(report.devices.map(({ key, about }) => [key, about]));
  const place = (devices: readonly string[]): string =>
    devices.length === 0 ? '-' : devices.map((key) => aboutOf.get(key) ?? key).join(', ');
  const starting = report.starts.map((start) => startCells(start, place(start.devices), report.atMs));
  const waiting = report.queue.map((queued) => queuedCells(queued, place(queued.devices), report.atMs));
  return [
    { heading: heads('STARTING', 'DEVICE', 'FOR', 'READ+WRITTEN'), rows: starting },
    { heading: heads('PLACE', 'WAITING', 'DEVICE', 'FOR', 'PRIORITY', 'WHY'), rows: waiting },
  ].filter(({ rows }) => rows.length > 0);
}

function startCells(start: StartReport, device: string, nowMs: number): readonly Cell[] {
  return [
    { text: `${start.namespace}/${start.name}` },
    { text: device },
    { text: age(nowMs - start.sinceMs) },
    { text: known(start.bytes, showBytes) },
  ];
}

function queuedCells(queued: QueueReport, device: string, nowMs: number): readonly Cell[] {
  const why = queued.message === '' ? queued.reason : queued.message;
  return [
    { text: String(queued.place) },
    { text: `${queued.namespace}/${queued.name}` },
    { text: device },
    { text: age(nowMs - queued.sinceMs) },
    { text: String(queued.priority) },
    { text: why, ...(queued.reason === 'DependencyCycle' ? { tint: 'red' } : {}) },
  ];
}

/** How many rows of each list are shown: all, or of the longest ones fewer, until they fit. */
function shareRows(lists: readonly List[], room: number): ReadonlyMap<List, number> {
  const rows = new Map(lists.map((list) => [list, list.rows.length]));
  const height = (list: List, shown: number): number => 2 + shown + (shown < list.rows.length ? 1 : 0);
  const total = (): number => lists.reduce((sum, list) => sum + height(list, rows.get(list) ?? 0), 0);
  while (total() > room) {
    const [longest, shown] = [...rows].reduce((a, b) => (b[1] > a[1] ? b : a));
    if (shown <= 1) break;
    rows.set(longest, shown - 1);
  }
  return rows;
}

function renderList(list: List, shown: number, columns: number): readonly Line[] {
  const hidden = list.rows.length - shown;
  return [
    [],
    ...layOut([list.heading, ...list.rows.slice(0, shown)], columns),
    ...(hidden > 0 ? [[{ text: `… and ${hidden} more`, tint: 'dim' as const }]] : []),
  ];
}

/** One line for each device: what a file or another program gets of a node that is watched. */
export function plainLines(answers: readonly NodeAnswer[], atMs: number): readonly string[] {
  const time = new Date(atMs).toISOString().slice(0, 19);
  return answers.flatMap((answer) => {
    if (answer.kind === 'silent') return [`${time}Z ${answer.node}: ${answer.why}`];
    const { report } = answer;
    if (report.mode === 'Off' || report.devices.length === 0)
      return [
        `${time}Z ${report.node}: ${summary(report)
          .map(({ text }) => text)
          .join('')}`,
      ];
    return report.devices.map((device) =>
      [
        `${time}Z ${report.node} ${device.about}:`,
        `slots ${device.held}/${device.limit}`,
        `queue ${device.queued}`,
        `saturation ${percent(device.saturation)}`,
        `pressure ${known(device.pressure, percent)}`,
        known(device.bytesPerSecond, (bytes) => `${showBytes(bytes)}/s`),
      ].join('  '),
    );
  });
}

function heads(...names: readonly string[]): readonly Cell[] {
  return names.map((text) => ({ text, tint: 'dim' }));
}

function known(value: number | undefined, show: (value: number) => string): string {
  return value === undefined ? '-' : show(value);
}

function percent(share: number): string {
  return `${String(Math.round(share * 100))} %`;
}

const barLength = 5;

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barLength);
  return '#'.repeat(full) + '.'.repeat(barLength - full);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function showBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? String(Math.round(amount)) : amount.toFixed(1)} ${units[power] ?? ''}`;
}
