/**
 * Which process a pid file speaks of. A pid alone is not enough: the kernel gives it to somebody else in time. Pid
 * and start time together name one process until the next boot.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and the start of the process (field 22 of /proc/PID/stat). */
  readonly startTicks: number;
}

/** The parts of /proc/PID/stat that matter here. The command in parentheses may itself hold ')' and spaces. Pure. */
export function parseStat(text: string): { readonly state: string; readonly startTicks: number } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) };
}

/** The identity of a live process, or undefined when there is none, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const { state, startTicks } = parseStat(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
    return state === 'Z' || state === 'X' ? undefined : { pid, startTicks };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ESRCH: it ended while the file was being read.
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends a signal if the process is still the one that is meant. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export interface PidRecord extends ProcessIdentity {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly restarts: number;
}

/** A folder of NAME.pid files: what the supervisor started, readable also when it is gone. */
export class PidFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  write(record: PidRecord): void {
    mkdirSync(this.#folder, { recursive: true });
    const file = this.#file(record.name);
    // The pid comes first, alone on its line, as tools expect it.
    const { pid, startTicks, startedAt, restarts } = record;
    writeFileSync(
      `${file}.new`,
      `${String(pid)}\n${String(startTicks)}\n${String(startedAt)}\n${String(restarts)}\n`,
    );
    renameSync(`${file}.new`, file);
  }

  /**
   * The record of a process that still runs. A file that speaks of a dead process is left alone: its writer may
   * be about to replace it.
   */
  readLive(name: string): PidRecord | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file(name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const [pid = NaN, startTicks = NaN, startedAt = NaN, restarts = NaN] = text.split('\n').map(Number);
    const record = { name, pid, startTicks, startedAt, restarts };
    return Number.isInteger(pid) && pid > 1 && isAlive(record) ? record : undefined;
  }

  /** Those that still run. */
  readAllLive(): PidRecord[] {
    return this.names()
      .map((name) => this.readLive(name))
      .filter((record) => record !== undefined);
  }

  names(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter((file) => file.endsWith('.pid'))
        .map((file) => file.slice(0, -'.pid'.length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  remove(name: string): void {
    rmSync(this.#file(name), { force: true });
  }

  #file(name: string): string {
    return join(this.#folder, `${name}.pid`);
  }
}
