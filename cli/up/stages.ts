/** Prints what `knarr up` does, with the time that each stage took. */
import { systemClock } from '../../common/clock.js';
import type { Terminal } from '../terminal.js';
import { seconds } from '../terminal.js';

export interface StageResult {
  readonly name: string;
  readonly detail: string;
  readonly milliseconds: number;
}

export class Stages {
  readonly results: StageResult[] = [];
  readonly #terminal: Terminal;
  readonly #startedAt = systemClock.monotonicMs();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get totalMs(): number {
    return systemClock.monotonicMs() - this.#startedAt;
  }

  /** Runs a stage. `work` returns what to say about it. Stages may run side by side; each has its own time. */
  async run(name: string, work: () => Promise<string>): Promise<void> {
    const startedAt = systemClock.monotonicMs();
    const detail = await work();
    const milliseconds = systemClock.monotonicMs() - startedAt;
    this.results.push({ name, detail, milliseconds: Math.round(milliseconds) });
    const { colour } = { colour: this.#terminal.colour.bind(this.#terminal) };
    this.#terminal.line(
      `${colour('green', '✔')} ${name.padEnd(13)}${seconds(milliseconds).padStart(8)}  ${colour('dim', detail)}`,
    );
  }
}
