/** Times a pod from `kubectl apply` to Running, as a watch sees it. */
import type { Kubectl } from '../support/kubectl.js';
import { namespace, PodWatch } from './pod-watch.js';

export interface TimedPod {
  /** From the start of kubectl. */
  readonly fromApplyMs: number;
  /** From when the watch showed the object. */
  readonly fromCreationMs: number;
}

export class PodTimer {
  readonly #kubectl: Kubectl;
  readonly #watch: PodWatch;

  private constructor(kubectl: Kubectl, watch: PodWatch) {
    this.#kubectl = kubectl;
    this.#watch = watch;
  }

  static async start(kubectl: Kubectl): Promise<PodTimer> {
    return new PodTimer(kubectl, await PodWatch.start(kubectl.kubeconfig));
  }

  /** Applies a manifest of one pod, waits until it runs, deletes it and waits until it is gone. */
  async time(name: string, image: string): Promise<TimedPod> {
    const manifest = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { containers: [{ name: 'web', image, imagePullPolicy: 'IfNotPresent' }] },
    });
    const startMs = performance.now();
    await this.#kubectl.run(['apply', '-f', '-'], { input: manifest });
    const runningMs = await this.#watch.when(name, 'runningMs');
    const createdMs = await this.#watch.when(name, 'createdMs');
    await this.#kubectl.run(['delete', 'pod', name, '--namespace', namespace, '--grace-period=1']);
    await this.#watch.when(name, 'deletedMs');
    return { fromApplyMs: runningMs - startMs, fromCreationMs: runningMs - createdMs };
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }
}
