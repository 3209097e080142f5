/** What the cases have shown, by case and round, in a file: a run that breaks off loses nothing. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { UsageError } from '../../../common/usage-error.js';
import { measuredOn } from '../report.js';
import type { CaseResult } from './storm-case.js';

export interface StormRun extends CaseResult {
  readonly case: string;
  /** From 1. */
  readonly round: number;
  readonly date: string;
  readonly machine: string;
}

export class ResultsFile {
  readonly path: string;
  #runs: StormRun[];

  private constructor(path: string, runs: StormRun[]) {
    this.path = path;
    this.#runs = runs;
  }

  /** Throws UsageError for a file that holds something else. */
  static open(path: string): ResultsFile {
    if (!existsSync(path)) return new ResultsFile(path, []);
    try {
      const { runs } = JSON.parse(readFileSync(path, 'utf8')) as { runs?: unknown };
      if (Array.isArray(runs)) return new ResultsFile(path, runs as StormRun[]);
    } catch (cause) {
      throw new UsageError(`${path} is not JSON: name another file with --results`, { cause });
    }
    throw new UsageError(`${path} holds no results of storms: name another file with --results`);
  }

  get runs(): readonly StormRun[] {
    return this.#runs;
  }

  has(name: string, round: number): boolean {
    return this.#runs.some((run) => run.case === name && run.round === round);
  }

  /** Replaces what was there of the same case and round. */
  add(name: string, round: number, result: CaseResult): StormRun {
    const now = new Date();
    const run: StormRun = { case: name, round, date: now.toISOString(), machine: measuredOn(now), ...result };
    this.#runs = [...this.#runs.filter((one) => one.case !== name || one.round !== round), run];
    writeFileSync(`${this.path}.new`, JSON.stringify({ runs: this.#runs }));
    renameSync(`${this.path}.new`, this.path);
    return run;
  }
}
