/**
 * Reads what another program wrote about its starts (see `startup-report.ts`). Nothing is taken on trust: each problem
 * says where it is and what was expected. Keys that are not known are left alone, so that a newer kubelet can say more.
 */
import { startupDevicesAnnotation, startupModes, waitingReasons } from './startup-report.js';
import type {
  DeviceHistory,
  DeviceReport,
  DeviceSummary,
  HistoryColumn,
  QueueReport,
  StartReport,
  StartupReport,
} from './startup-report.js';

/** The JSON is not what it is said to be: where, and what was expected. */
export class StartupReportError extends Error {
  override readonly name = 'StartupReportError';
}

/** Throws {@link StartupReportError}. */
export function readStartupReport(value: unknown): StartupReport {
  const report = new Reader(value, 'report');
  report.oneOf('kind', ['StartupReport']);
  if (report.number('version') !== 1) report.fail('version', '1: this knarr is older than the kubelet');
  return {
    node: report.text('node'),
    mode: report.oneOf('mode', startupModes),
    atMs: report.time('at'),
    devices: report.each('devices', readDevice),
    starts: report.each('starts', readStart),
    queue: report.each('queue', readQueued),
    history: report.each('history', readHistory),
  };
}

/**
 * The devices of a Node's annotation: undefined where there is none. Throws {@link StartupReportError}: a reader that
 * must go on treats that as none.
 */
export function readDevicesAnnotation(
  annotations: Readonly<Record<string, string>> | undefined,
): readonly DeviceSummary[] | undefined {
  const text = annotations?.[startupDevicesAnnotation];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new StartupReportError(`annotation ${startupDevicesAnnotation}: no JSON`, { cause: error });
  }
  return new Reader({ [startupDevicesAnnotation]: value }, 'annotation').each(
    startupDevicesAnnotation,
    readSummary,
  );
}

function readSummary(device: Reader): DeviceSummary {
  return {
    key: device.text('key'),
    limit: device.number('limit'),
    held: device.number('held'),
    queued: device.number('queued'),
    saturation: device.number('saturation'),
    isSaturated: device.boolean('isSaturated'),
  };
}

function readDevice(device: Reader): DeviceReport {
  return {
    ...readSummary(device),
    about: device.text('about'),
    controller: device.text('controller'),
    bytesPerSecond: device.optionalNumber('bytesPerSecond'),
    pressure: device.optionalNumber('pressure'),
    awaitMs: device.optionalNumber('awaitMs'),
  };
}

function readStart(start: Reader): StartReport {
  return {
    namespace: start.text('namespace'),
    name: start.text('name'),
    uid: start.text('uid'),
    devices: start.texts('devices'),
    sinceMs: start.time('since'),
    bytes: start.optionalNumber('bytes'),
  };
}

function readQueued(queued: Reader): QueueReport {
  return {
    place: queued.number('place'),
    namespace: queued.text('namespace'),
    name: queued.text('name'),
    uid: queued.text('uid'),
    devices: queued.texts('devices'),
    priority: queued.number('priority'),
    reason: queued.oneOf('reason', waitingReasons),
    message: queued.text('message'),
    sinceMs: queued.time('since'),
  };
}

function readHistory(history: Reader): DeviceHistory {
  const firstMs = history.time('firstAt');
  const offsets = history.numbers('afterMs');
  const column = (name: HistoryColumn): readonly number[] => history.numbers(name, offsets.length);
  const gappy = (name: HistoryColumn): readonly (number | undefined)[] =>
    history.numbersOrNull(name, offsets.length);
  const [limit, held, queued] = [column('limit'), column('held'), column('queued')];
  const [ready, failed] = [column('ready'), column('failed')];
  const [pressure, bytesPerSecond, awaitMs] = [gappy('pressure'), gappy('bytesPerSecond'), gappy('awaitMs')];
  const samples = offsets.map((offset, index) => ({
    atMs: firstMs + offset,
    limit: limit[index] ?? 0,
    held: held[index] ?? 0,
    queued: queued[index] ?? 0,
    ready: ready[index] ?? 0,
    failed: failed[index] ?? 0,
    pressure: pressure[index],
    bytesPerSecond: bytesPerSecond[index],
    awaitMs: awaitMs[index],
  }));
  return { key: history.text('key'), about: history.text('about'), samples };
}

/** An object whose keys are read one by one; knows its path, so that an error can say where it is. */
class Reader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new StartupReportError(`${path}: expected an object`);
    this.#fields = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  fail(key: string, expected: string): never {
    const shown = JSON.stringify(this.#fields[key]) as string | undefined;
    const got = shown === undefined ? 'nothing' : shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
    throw new StartupReportError(`${this.#path}.${key}: expected ${expected}, got ${got}`);
  }

  text(key: string): string {
    const value = this.#fields[key];
    return typeof value === 'string' ? value : this.fail(key, 'a text');
  }

  boolean(key: string): boolean {
    const value = this.#fields[key];
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false');
  }

  number(key: string): number {
    const value = this.#fields[key];
    return typeof value === 'number' ? value : this.fail(key, 'a number');
  }

  optionalNumber(key: string): number | undefined {
    return this.#fields[key] === undefined ? undefined : this.number(key);
  }

  time(key: string): number {
    const ms = Date.parse(this.text(key));
    return Number.isNaN(ms) ? this.fail(key, 'a time such as 2026-01-31T12:00:00.000Z') : ms;
  }

  oneOf<const V extends string>(key: string, values: readonly V[]): V {
    const value = this.#fields[key];
    return (
      values.find((one) => one === value) ??
      this.fail(key, `${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`)
    );
  }

  texts(key: string): readonly string[] {
    const value = this.#fields[key];
    const isRight = Array.isArray(value) && value.every((one) => typeof one === 'string');
    return isRight ? value : this.fail(key, 'a list of texts');
  }

  numbers(key: string, length?: number): readonly number[] {
    const found = this.numbersOrNull(key, length).filter((one) => one !== undefined);
    return found.length === (length ?? found.length) ? found : this.fail(key, 'numbers without null');
  }

  /** Undefined where it is null. */
  numbersOrNull(key: string, length?: number): readonly (number | undefined)[] {
    const value = this.#fields[key];
    const isRight = Array.isArray(value) && value.every((one) => one === null || typeof one === 'number');
    if (!isRight) return this.fail(key, 'a list of numbers');
    if (length !== undefined && value.length !== length) return this.fail(key, `${length} numbers`);
    return (value as (number | null)[]).map((one) => one ?? undefined);
  }

  each<T>(key: string, read: (item: Reader) => T): readonly T[] {
    const value = this.#fields[key];
    if (!Array.isArray(value)) return this.fail(key, 'a list');
    return value.map((one: unknown, index) => read(new Reader(one, `${this.#path}.${key}[${index}]`)));
  }
}
