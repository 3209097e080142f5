/**
 * What a node tells of its starts, so that people, the scheduler and scripts can see why a Pod waits:
 *
 * - `GET /startup` on the kubelet's server (`/startup?history=true` with the last half hour), in full: {@link StartupReport}
 * - an annotation of the Node, renewed with its status, with one line for each device: {@link DeviceSummary}
 * - a condition of the Node, `StartupSaturated`, and one of each Pod, `StartupAdmitted`
 *
 * The kubelet writes, the scheduler and `knarr startup` read. Pure. The readers are in `read-startup-report.ts`.
 */

/** Of a Node: JSON, an array of {@link DeviceSummary}. Absent where the kubelet lets everybody start at once. */
export const startupDevicesAnnotation = 'startup.knarr.io/devices';

/** Of a Node: True while at least one of its devices is saturated by starts. */
export const startupSaturatedCondition = 'StartupSaturated';

/** Of a Pod: True from the moment at which it may start. */
export const startupAdmittedCondition = 'StartupAdmitted';

/** Why a Pod waits: the reasons of a `StartupAdmitted` that is False. */
export const waitingReasons = ['WaitingForSlot', 'WaitingForDependencies', 'DependencyCycle'] as const;
export type WaitingReason = (typeof waitingReasons)[number];

/** Why a Pod waits no more: the reasons of a `StartupAdmitted` that is True. */
export const admittedReasons = ['Admitted', 'Skipped'] as const;
export type AdmittedReason = (typeof admittedReasons)[number];

export const startupModes = ['Adaptive', 'Fixed', 'Off'] as const;
export type StartupMode = (typeof startupModes)[number];

/** How far the history goes back, and in which steps. */
export const historyIntervalMs = 1000;
export const historyLengthMs = 30 * 60 * 1000;

/** A device in the Node's annotation: short, for it is written with each heartbeat that finds it changed. */
export interface DeviceSummary {
  readonly key: string;
  /** How many starts may run at once. */
  readonly limit: number;
  /** How many run: those that hold a slot. Above the limit after it fell, or after a restart of the kubelet. */
  readonly held: number;
  readonly queued: number;
  /** 0: idle; 1: more starts would only take longer. Two decimals. */
  readonly saturation: number;
  readonly isSaturated: boolean;
}

export interface DeviceReport extends DeviceSummary {
  /** For people: `/dev/sda`, `nfs server:/export`, … */
  readonly about: string;
  /** The name of the controller that moves the limit. */
  readonly controller: string;
  /** Read and written together; undefined where the kernel does not count it. */
  readonly bytesPerSecond: number | undefined;
  /** 0 to 1: share of the time in which some task waited for the device; undefined without PSI. */
  readonly pressure: number | undefined;
  /** Mean time of a request; undefined where the kernel does not count it. */
  readonly awaitMs: number | undefined;
}

/** A Pod that starts: it holds a slot of each of its devices. */
export interface StartReport {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Keys of devices. */
  readonly devices: readonly string[];
  /** When it was admitted. */
  readonly sinceMs: number;
  /** Read and written since then; undefined where its counters cannot be read. */
  readonly bytes: number | undefined;
}

export interface QueueReport {
  /** 1: the next. */
  readonly place: number;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly devices: readonly string[];
  readonly priority: number;
  readonly reason: WaitingReason;
  /** For people: which device is full, what must be Ready before. */
  readonly message: string;
  /** Since when it waits. */
  readonly sinceMs: number;
}

/** One device at one moment, about {@link historyIntervalMs} after the sample before. */
export interface HistorySample {
  readonly atMs: number;
  readonly limit: number;
  readonly held: number;
  readonly queued: number;
  /** Starts that became ready since the sample before, and starts that failed or were killed. */
  readonly ready: number;
  readonly failed: number;
  readonly pressure: number | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly awaitMs: number | undefined;
}

export interface DeviceHistory {
  readonly key: string;
  readonly about: string;
  /** In order of time. */
  readonly samples: readonly HistorySample[];
}

export interface StartupReport {
  readonly node: string;
  readonly mode: StartupMode;
  /** The node's clock when it answered: ages are differences to this, not to the reader's clock. */
  readonly atMs: number;
  readonly devices: readonly DeviceReport[];
  readonly starts: readonly StartReport[];
  /** In order of places. */
  readonly queue: readonly QueueReport[];
  /** Empty unless it was asked for. */
  readonly history: readonly DeviceHistory[];
}

/** The columns of a history in JSON: numbers of one kind side by side are a third of the same as objects. */
export const historyColumns = [
  'limit',
  'held',
  'queued',
  'ready',
  'failed',
  'pressure',
  'bytesPerSecond',
  'awaitMs',
] as const satisfies readonly (keyof HistorySample)[];
export type HistoryColumn = (typeof historyColumns)[number];

/** The report as JSON: times are RFC 3339, what is not known is left out, a history is columns. */
export function encodeStartupReport(report: StartupReport): unknown {
  return {
    kind: 'StartupReport',
    version: 1,
    node: report.node,
    mode: report.mode,
    at: time(report.atMs),
    devices: report.devices.map((device) => ({
      ...device,
      saturation: rounded(device.saturation, 2),
      pressure: rounded(device.pressure, 3),
      awaitMs: rounded(device.awaitMs, 1),
      bytesPerSecond: rounded(device.bytesPerSecond, 0),
    })),
    starts: report.starts.map(({ sinceMs, ...start }) => ({ ...start, since: time(sinceMs) })),
    queue: report.queue.map(({ sinceMs, ...queued }) => ({ ...queued, since: time(sinceMs) })),
    history: report.history.map(({ samples, ...device }) => ({ ...device, ...encodeSamples(samples) })),
  };
}

/** The text of the annotation {@link startupDevicesAnnotation}. Takes whole reports, too, and leaves out the rest. */
export function encodeDevicesAnnotation(devices: readonly DeviceSummary[]): string {
  return JSON.stringify(
    devices.map(({ key, limit, held, queued, saturation, isSaturated }) => ({
      ...{ key, limit, held, queued, isSaturated },
      saturation: rounded(saturation, 2),
    })),
  );
}

/** `firstAt` and the milliseconds since then, then the columns; null where a value is not known. */
function encodeSamples(samples: readonly HistorySample[]): Readonly<Record<string, unknown>> {
  const firstMs = samples[0]?.atMs ?? 0;
  const digits: Partial<Record<string, number>> = { pressure: 3, awaitMs: 1 };
  const columns = historyColumns.map((name) => [
    name,
    samples.map((sample) => rounded(sample[name], digits[name] ?? 0) ?? null),
  ]);
  return {
    firstAt: time(firstMs),
    afterMs: samples.map(({ atMs }) => Math.round(atMs - firstMs)),
    ...(Object.fromEntries(columns) as Record<string, unknown>),
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function rounded<T extends number | undefined>(value: T, digits: number): T {
  return (value === undefined ? undefined : Number(value.toFixed(digits))) as T;
}
