/**
 * A thread for work that would keep the event loop busy: questions are answered one after the other. It is started by the
 * first question and ends when none has come for a while, so that a program in which nobody asks pays nothing.
 */
import { Worker } from 'node:worker_threads';

export interface IdleThreadOptions {
  /** A module that answers each message to its `parentPort` with one message. */
  readonly module: URL;
  /** So many questions may wait. */
  readonly maxWaiting: number;
  /** What takes longer is given up, and the thread with it. */
  readonly maxAnswerMs: number;
  readonly maxHeapMegabytes: number;
}

export class ThreadError extends Error {
  override readonly name = 'ThreadError';
  /** `busy`: too many questions wait. `lost`: the question took too long, or too much memory, or broke the thread. */
  readonly code: 'busy' | 'lost';

  constructor(code: 'busy' | 'lost', message: string) {
    super(message);
    this.code = code;
  }
}

const idleMs = 10_000;

interface Job<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ThreadError) => void;
}

/** Does not keep the process alive while it is idle. */
export class IdleThread<Question, Answer> {
  readonly #options: IdleThreadOptions;
  readonly #waiting: Job<Question, Answer>[] = [];
  #current: Job<Question, Answer> | undefined;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IdleThreadOptions) {
    this.#options = options;
  }

  /** Rejects with ThreadError. Questions and answers are copied. */
  ask(question: Question): Promise<Answer> {
    if (this.#waiting.length >= this.#options.maxWaiting)
      return Promise.reject(new ThreadError('busy', 'too many wait already'));
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (this.#current === undefined) this.#next();
    });
  }

  #next(): void {
    clearTimeout(this.#timer);
    const job = this.#waiting.shift();
    this.#current = job;
    if (job === undefined) {
      this.#worker?.unref();
      this.#timer = setTimeout(() => {
        this.#end();
      }, idleMs).unref();
      return;
    }
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    worker.postMessage(job.question);
    const { maxAnswerMs } = this.#options;
    this.#timer = setTimeout(() => {
      this.#giveUp(`it takes longer than ${maxAnswerMs / 1000} s`);
    }, maxAnswerMs);
  }

  #start(): Worker {
    const { module, maxHeapMegabytes } = this.#options;
    const worker = new Worker(module, { resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes } });
    worker.on('message', (answer: Answer) => {
      if (worker !== this.#worker) return;
      const job = this.#current;
      this.#next();
      job?.resolve(answer);
    });
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#giveUp(error.message);
    });
    return worker;
  }

  /** The thread is lost with what it was doing; the next question gets a new one. */
  #giveUp(why: string): void {
    const job = this.#current;
    this.#end();
    this.#next();
    job?.reject(new ThreadError('lost', why));
  }

  #end(): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}
