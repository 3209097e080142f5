/**
 * Reads long YAML beside the event loop: three megabytes of it take more than a second, in which nobody else would be
 * answered.
 */
import { StatusError } from '../../api/status-error.js';
import { IdleThread, ThreadError } from '../../common/idle-thread.js';
import type { YamlAnswer } from './yaml-worker.js';

export interface ReadYaml {
  readonly value: unknown;
  readonly duplicates: () => readonly string[];
}

export class YamlThread {
  readonly #thread = new IdleThread<Buffer, YamlAnswer>({
    module: new URL('./yaml-worker.js', import.meta.url),
    maxWaiting: 32,
    // What takes longer was made to.
    maxAnswerMs: 30_000,
    maxHeapMegabytes: 384,
  });

  /** Throws BadRequest for what is no YAML, RequestEntityTooLarge and TooManyRequests for what costs too much. */
  async read(bytes: Buffer): Promise<ReadYaml> {
    const answer = await this.#ask(bytes);
    if (answer.kind === 'refused') throw new StatusError('BadRequest', answer.message);
    return { value: JSON.parse(answer.json) as unknown, duplicates: () => answer.duplicates };
  }

  async #ask(bytes: Buffer): Promise<YamlAnswer> {
    try {
      return await this.#thread.ask(bytes);
    } catch (cause) {
      if (!(cause instanceof ThreadError)) throw cause;
      if (cause.code === 'busy')
        throw new StatusError(
          'TooManyRequests',
          'too many long YAML bodies at once, please try again later',
          {
            details: { retryAfterSeconds: 1 },
            cause,
          },
        );
      const message = `yaml: the body cannot be read: ${cause.message}; send it as JSON, which is read much faster`;
      throw new StatusError('RequestEntityTooLarge', message, { cause });
    }
  }
}
