/**
 * How long the runtime takes for what it does on its disk: its metadata is fsynced with every container that it makes, so
 * a call that takes seconds says that the disk has more than enough to do. Pulls are left out: they wait for networks.
 */
import type { Clock } from '../../common/clock.js';
import { observeCalls } from '../cri/observe-calls.js';
import type { ContainerRuntime } from '../cri/runtime.js';

export interface RuntimeCalls {
  readonly runtime: ContainerRuntime;
  /** Milliseconds: the longest of the calls that are in flight, or that ended since it was asked before. */
  slowestMs(): number;
}

const watched: readonly string[] = [
  'runPodSandbox',
  'createContainer',
  'startContainer',
] satisfies readonly (keyof ContainerRuntime)[];

export function watchCalls(runtime: ContainerRuntime, clock: Clock): RuntimeCalls {
  const begun = new Set<{ readonly atMs: number }>();
  let slowestMs = 0;
  const observed = observeCalls(runtime, (method) => {
    if (!watched.includes(method)) return undefined;
    const mine = { atMs: clock.monotonicMs() };
    begun.add(mine);
    return () => {
      begun.delete(mine);
      slowestMs = Math.max(slowestMs, clock.monotonicMs() - mine.atMs);
    };
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
