/** A process that works off tasks, one after the other: so that its CPU is its own and its event loop, too. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

interface Reply {
  readonly result?: unknown;
  readonly error?: string;
}

export class TaskProcess<Task, Result> {
  readonly #child: ChildProcess;

  /** `file` is a compiled module that calls {@link serveTasks}. */
  constructor(file: URL) {
    this.#child = fork(file, { serialization: 'advanced' });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Rejects with what the task threw, or when the process ends meanwhile. */
  run(task: Task): Promise<Result> {
    const result = this.next();
    this.#child.send(task as object);
    return result;
  }

  /** What the process says next: for tasks that say more than one thing. */
  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => {
        reject(new Error('the process ended before its task'));
      };
      this.#child.once('exit', onExit);
      this.#child.once('message', (reply: Reply) => {
        this.#child.off('exit', onExit);
        if (reply.error !== undefined) reject(new Error(reply.error));
        else resolve(reply.result as Result);
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('exit', () => {
        resolve();
      });
      this.#child.kill('SIGKILL');
    });
  }
}

/** The child's side: answers each task with what `work` makes of it. */
export function serveTasks(work: (task: unknown) => Promise<unknown>): void {
  process.on('message', (task) => {
    work(task).then(
      (result) => process.send?.({ result }),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? '') : String(error) }),
    );
  });
}
