/**
 * What a server's event loop does in one turn, seen from the benchmark. A module is loaded into the server before its
 * own; a signal makes it write down what it has seen since the last one.
 */
import { readFileSync } from 'node:fs';
import { until } from '../../support/until.js';

export interface LoopTurns {
  /** Turns in which requests were read. */
  readonly turns: number;
  /** Processor time of such a turn, of the whole process. */
  readonly cpuP50Ms: number;
  readonly cpuP99Ms: number;
  /** Requests that were read in one turn. */
  readonly headsP99: number;
  /** Goes up with each report. */
  readonly sequence: number;
}

export class LoopMeter {
  readonly #file: string;
  #sequence = 0;

  /** The file is where the server writes to. */
  constructor(file: string) {
    this.#file = file;
  }

  /** For the server's Node. */
  get nodeOptions(): readonly string[] {
    const probe = new URL('./loop-probe.js', import.meta.url);
    probe.searchParams.set('file', this.#file);
    return ['--import', probe.href];
  }

  /** What was seen since the last call, by the process with this number. */
  async take(pid: number): Promise<LoopTurns> {
    this.#sequence++;
    process.kill(pid, 'SIGUSR2');
    return until('the server has told about its loop', () => this.#read());
  }

  #read(): LoopTurns | undefined {
    try {
      const told = JSON.parse(readFileSync(this.#file, 'utf8')) as LoopTurns;
      return told.sequence === this.#sequence ? told : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
