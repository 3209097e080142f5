/** A runtime whose kubelet can be killed at any call that changes something: right before the call, or right after it. */
import { setTimeout as delay } from 'node:timers/promises';
import { CriError } from '../../kubelet/cri/runtime.js';
import type { ContainerRuntime } from '../../kubelet/cri/runtime.js';

const steps: ReadonlySet<string> = new Set([
  'runPodSandbox',
  'stopPodSandbox',
  'removePodSandbox',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
  'updateContainerResources',
]);

export interface Death {
  /** The step at which it comes, from 1 on. */
  readonly step: number;
  /** Whether the call still reaches the runtime; its answer never comes back. */
  readonly isDone: boolean;
  /** Not when the runtime is done, but so long after it was asked. */
  readonly afterMs?: number;
}

export class MortalRuntime {
  /** What the kubelet uses. Once it is dead every call fails. */
  readonly port: ContainerRuntime;
  #taken = 0;
  #death: Death | undefined;
  #isDead = false;
  #onDeath: () => void = () => undefined;

  constructor(inner: ContainerRuntime) {
    this.port = new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name === 'events' || name === 'close')
          return (...parameters: unknown[]): unknown => Reflect.apply(value, target, parameters);
        return async (...parameters: unknown[]): Promise<unknown> => {
          this.#check();
          const isLast = steps.has(String(name)) && ++this.#taken === this.#death?.step;
          if (!isLast) return (await Reflect.apply(value, target, parameters)) as unknown;
          if (this.#death?.isDone === true) {
            const { afterMs } = this.#death;
            const call = Reflect.apply(value, target, parameters) as Promise<unknown>;
            await (afterMs === undefined ? call : Promise.race([call, delay(afterMs)]));
          }
          this.#isDead = true;
          this.#onDeath();
          this.#check();
          return undefined;
        };
      },
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Counts steps from here on. Without a death nothing happens. */
  live(death?: Death, onDeath: () => void = () => undefined): void {
    this.#taken = 0;
    this.#death = death;
    this.#isDead = false;
    this.#onDeath = onDeath;
  }

  #check(): void {
    if (this.#isDead) throw new CriError('unavailable', 'this kubelet is dead');
  }
}
