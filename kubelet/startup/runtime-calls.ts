/**
 * How long the runtime takes for what it does on its disk: its metadata is fsynced with every container that it makes, so
 * a call that takes seconds says that the disk has more than enough to do. Pulls are left out: they wait for networks.
 */
import type { Clock } from '../../common/clock.js';
import type { ContainerRuntime } from '../cri/runtime.js';

export interface RuntimeCalls {
  readonly runtime: ContainerRuntime;
  /** Milliseconds: the longest of the calls that are in flight, or that ended since it was asked before. */
  slowestMs(): number;
}

const watched: readonly (string | symbol)[] = [
  'runPodSandbox',
  'createContainer',
  'startContainer',
] satisfies readonly (keyof ContainerRuntime)[];

export function watchCalls(runtime: ContainerRuntime, clock: Clock): RuntimeCalls {
  const begun = new Set<{ readonly atMs: number }>();
  let slowestMs = 0;
  const observed = new Proxy(runtime, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      const call = method as (...args: unknown[]) => unknown;
      if (!watched.includes(name)) return call.bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        const mine = { atMs: clock.monotonicMs() };
        begun.add(mine);
        try {
          return await call.apply(target, args);
        } finally {
          begun.delete(mine);
          slowestMs = Math.max(slowestMs, clock.monotonicMs() - mine.atMs);
        }
      };
    },
  });
  return {
    runtime: observed,
    slowestMs: () => {
      const nowMs = clock.monotonicMs();
      const ended = slowestMs;
      slowestMs = 0;
      return [...begun].reduce((slowest, { atMs }) => Math.max(slowest, nowMs - atMs), ended);
    },
  };
}
