/**
 * Reads long YAML beside the event loop: three megabytes of it take more than a second, in which nobody else would be
 * answered. One thread reads one body after the other. It is started by the first long body and ends when none has come
 * for a while, so that a server to which nobody sends such bodies pays nothing.
 */
import { Worker } from 'node:worker_threads';
import { StatusError } from '../../api/status-error.js';
import type { YamlAnswer } from './yaml-worker.js';

/** So many may wait; whoever comes then is told to come again. */
const maxWaiting = 32;
/** What takes longer was made to. */
const maxReadMs = 30_000;
const idleMs = 10_000;
const maxHeapMegabytes = 384;

export interface ReadYaml {
  readonly value: unknown;
  readonly duplicates: () => readonly string[];
}

interface Job {
  readonly bytes: Buffer;
  readonly resolve: (answer: YamlAnswer) => void;
  readonly reject: (error: StatusError) => void;
}

export class YamlThread {
  readonly #waiting: Job[] = [];
  #current: Job | undefined;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Throws BadRequest for what is no YAML, RequestEntityTooLarge and TooManyRequests for what costs too much. */
  async read(bytes: Buffer): Promise<ReadYaml> {
    if (this.#waiting.length >= maxWaiting)
      throw new StatusError('TooManyRequests', 'too many long YAML bodies at once, please try again later', {
        details: { retryAfterSeconds: 1 },
      });
    const answer = await new Promise<YamlAnswer>((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      if (this.#current === undefined) this.#next();
    });
    if (answer.kind === 'refused') throw new StatusError('BadRequest', answer.message);
    return { value: JSON.parse(answer.json) as unknown, duplicates: () => answer.duplicates };
  }

  #next(): void {
    clearTimeout(this.#timer);
    const job = this.#waiting.shift();
    this.#current = job;
    const worker = (this.#worker ??= this.#start());
    if (job === undefined) {
      worker.unref();
      this.#timer = setTimeout(() => {
        this.#end();
      }, idleMs).unref();
      return;
    }
    worker.ref();
    worker.postMessage(job.bytes);
    this.#timer = setTimeout(() => {
      this.#giveUp(`reading it takes longer than ${maxReadMs / 1000} s`);
    }, maxReadMs);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./yaml-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
    });
    worker.on('message', (answer: YamlAnswer) => {
      const job = this.#current;
      if (worker !== this.#worker) return;
      this.#next();
      job?.resolve(answer);
    });
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#giveUp(`reading it failed: ${error.message}`);
    });
    return worker;
  }

  /** The thread is lost with what it was reading; the next body gets a new one. */
  #giveUp(why: string): void {
    const job = this.#current;
    this.#end();
    job?.reject(
      new StatusError('RequestEntityTooLarge', `yaml: ${why}; send it as JSON, which is read much faster`),
    );
    if (this.#waiting.length > 0) this.#next();
    else this.#current = undefined;
  }

  #end(): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}
