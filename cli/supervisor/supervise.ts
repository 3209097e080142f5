/**
 * Keeps a fixed set of processes running: starts them, restarts the one that ends (with backoff), and takes over
 * those that an earlier supervisor started.
 *
 * The processes are no part of the supervisor's fate: each has a session of its own and writes straight into its
 * log file, so that a supervisor that is killed takes nobody along and a new one finds them by their pid files.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { backoffDelayMs } from '../../common/backoff.js';
import type { Clock } from '../../common/clock.js';
import { sleep } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { identify, isAlive } from './process-identity.js';
import type { PidFolder, PidRecord } from './process-identity.js';

export interface ProcessDefinition {
  /** `apiserver`, `containerd`, …: names the log and the pid file. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export type ProcessState = 'running' | 'waiting' | 'stopped';

export interface ProcessStatus {
  readonly name: string;
  readonly state: ProcessState;
  readonly pid: number | undefined;
  readonly startedAt: number | undefined;
  readonly restarts: number;
  /** How it ended last: `exit code 1`, `signal SIGKILL`. */
  readonly lastEnd: string | undefined;
}

/** After running for so long a process is thought well, and its next end is its first again. */
const wellAfterMs = 60_000;
const backoff = { initialMs: 200, maxMs: 30_000, jitter: 0.2 } as const;
/** How often a process that is not our child is looked at: the kernel tells only parents. */
const adoptedPollMs = 1000;

interface Dependencies {
  readonly clock: Clock;
  readonly log: Logger;
  readonly pids: PidFolder;
}

class SupervisedProcess {
  readonly #definition: ProcessDefinition;
  readonly #dependencies: Dependencies;
  #record: PidRecord | undefined;
  #restarts = 0;
  #failuresInRow = 0;
  #lastEnd: string | undefined;
  #skipWait = new AbortController();

  constructor(definition: ProcessDefinition, dependencies: Dependencies) {
    this.#definition = definition;
    this.#dependencies = dependencies;
  }

  get name(): string {
    return this.#definition.name;
  }

  status(stopping: boolean): ProcessStatus {
    const record = this.#record;
    return {
      name: this.#definition.name,
      state: record !== undefined ? 'running' : stopping ? 'stopped' : 'waiting',
      pid: record?.pid,
      startedAt: record?.startedAt,
      restarts: this.#restarts,
      lastEnd: this.#lastEnd,
    };
  }

  /** Ends the wait of a process that failed before, so that it is tried again now. */
  retryNow(): void {
    this.#failuresInRow = 0;
    this.#skipWait.abort();
  }

  /** Runs until the signal aborts; the process itself is left running then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, pids } = this.#dependencies;
    const { name } = this.#definition;
    const adopted = pids.readLive(name);
    let ended = adopted === undefined ? undefined : this.#adopt(adopted, signal);
    const stopping = (): boolean => signal.aborted;
    while (!stopping()) {
      ended ??= this.#start(signal);
      const startedAt = clock.monotonicMs();
      const how = await ended;
      ended = undefined;
      // The pid file stays when only the supervisor ends.
      if (stopping()) return;
      this.#record = undefined;
      this.#lastEnd = how;
      this.#restarts += 1;
      if (clock.monotonicMs() - startedAt > wellAfterMs) this.#failuresInRow = 0;
      const delayMs = Math.round(backoffDelayMs(this.#failuresInRow, backoff));
      this.#failuresInRow += 1;
      log.warn('a process ended and will be restarted', { process: name, how, delayMs });
      this.#skipWait = new AbortController();
      await sleep(clock, delayMs, AbortSignal.any([signal, this.#skipWait.signal]));
    }
  }

  #adopt(record: PidRecord, signal: AbortSignal): Promise<string> {
    const { clock, log } = this.#dependencies;
    log.info('took over a running process', { process: record.name, pid: record.pid });
    this.#record = record;
    this.#restarts = record.restarts;
    return (async () => {
      while (!signal.aborted && isAlive(record)) await sleep(clock, adoptedPollMs, signal);
      return 'unknown (it was started by an earlier supervisor)';
    })();
  }

  #start(signal: AbortSignal): Promise<string> {
    const { clock, log, pids } = this.#dependencies;
    const { name, program, args, environment, logFile } = this.#definition;
    const output = openSync(logFile, 'a', 0o640);
    const child = spawn(program, args, {
      cwd: '/',
      detached: true,
      env: environment,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    child.unref();
    const { pid } = child;
    const identity = pid === undefined ? undefined : identify(pid);
    if (identity !== undefined) {
      this.#record = { ...identity, name, startedAt: clock.now(), restarts: this.#restarts };
      pids.write(this.#record);
      log.info('started', { process: name, pid });
    }
    return new Promise((resolve) => {
      const leave = (): void => {
        resolve('left running');
      };
      const end = (how: string): void => {
        signal.removeEventListener('abort', leave);
        resolve(how);
      };
      child.once('error', (error) => {
        end(`cannot be started: ${error.message}`);
      });
      child.once('exit', (code, killedBy) => {
        end(code === null ? `signal ${String(killedBy)}` : `exit code ${String(code)}`);
      });
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}

/** Who holds a process back may die before it says go. */
const heldAtMostMs = 60_000;

export class Supervisor {
  readonly #processes: readonly SupervisedProcess[];
  readonly #dependencies: Dependencies;
  readonly #held: ReadonlySet<string>;
  readonly #release = new AbortController();
  #stopping = false;

  /** Processes named in `held` are first started by {@link release}, or after a minute. One that runs, runs on. */
  constructor(
    definitions: readonly ProcessDefinition[],
    dependencies: Dependencies,
    held: readonly string[] = [],
  ) {
    this.#dependencies = dependencies;
    this.#held = new Set(held);
    this.#processes = definitions.map((definition) => new SupervisedProcess(definition, dependencies));
  }

  release(): void {
    this.#release.abort();
  }

  status(): ProcessStatus[] {
    return this.#processes.map((process) => process.status(this.#stopping));
  }

  retryNow(): void {
    this.release();
    for (const process of this.#processes) process.retryNow();
  }

  /** Starts all but those held, at once (each waits for what it needs), and watches over them until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => (this.#stopping = true), { once: true });
    await Promise.all(
      this.#processes.map(async (process) => {
        if (this.#isHeld(process.name))
          await sleep(
            this.#dependencies.clock,
            heldAtMostMs,
            AbortSignal.any([signal, this.#release.signal]),
          );
        await process.run(signal);
      }),
    );
  }

  #isHeld(name: string): boolean {
    return this.#held.has(name) && this.#dependencies.pids.readLive(name) === undefined;
  }
}
