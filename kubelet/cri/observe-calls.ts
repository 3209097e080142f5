/** A runtime that tells somebody of its calls: for metrics, and for who must know how slow it is. */
import type { ContainerRuntime } from './runtime.js';

/** Called when a call begins; what it returns is called when that ends. Undefined: the call does not matter. */
export type CallObserver = (
  method: string,
  args: readonly unknown[],
) => ((hasFailed: boolean) => void) | undefined;

export function observeCalls(runtime: ContainerRuntime, begin: CallObserver): ContainerRuntime {
  return new Proxy(runtime, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function' || typeof name !== 'string') return method;
      const call = method as (...args: unknown[]) => unknown;
      return (...args: unknown[]): unknown => {
        const end = begin(name, args);
        return end === undefined ? call.apply(target, args) : observed(() => call.apply(target, args), end);
      };
    },
  });
}

async function observed(call: () => unknown, end: (hasFailed: boolean) => void): Promise<unknown> {
  let hasFailed = true;
  try {
    const result = await call();
    hasFailed = false;
    return result;
  } finally {
    end(hasFailed);
  }
}
