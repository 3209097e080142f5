/**
 * All workers of this node: starts one for each Pod that is bound here, and cleans up after Pods that nobody knows any
 * more (deleted while the kubelet was away).
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import { isPodTerminal } from '../../api/pod-helpers.js';
import type { AdmissionDecision } from '../admission/admit-pod.js';
import type { EndOrder } from '../admission/end-order.js';
import type { RetryTrigger } from '../resize/resize-metrics.js';
import type { KnownPod } from '../runtime-state/runtime-state.js';
import type { PodServices } from './pod-services.js';
import { PodWorker } from './pod-worker.js';

export class PodWorkers {
  readonly #services: PodServices;
  readonly #signal: AbortSignal;
  readonly #workers = new Map<string, PodWorker>();
  readonly #orphans = new Map<string, Promise<void>>();
  readonly #unsubscribe: () => void;
  #sourceIsComplete = false;

  constructor(services: PodServices, signal: AbortSignal) {
    this.#services = services;
    this.#signal = signal;
    this.#unsubscribe = services.runtimeState.onChange((uid) => {
      this.poke(uid);
    });
  }

  /** A Pod is bound to this node, or changed. */
  update(pod: Pod): void {
    const { uid } = pod.metadata;
    const { resizes, runtimeState } = this.#services;
    const worker = this.#workers.get(uid);
    if (worker !== undefined) {
      resizes.want(pod);
      // Whatever its spec says, a Pod has the size that it was promised.
      worker.update(resizes.allocatedPod(pod));
      this.#settleResizes('pod_updated');
      return;
    }
    if (this.#signal.aborted) return;
    const decision = this.#admit(resizes.allocatedPod(pod));
    const rejection = decision.kind === 'rejected' ? decision.order : undefined;
    if (rejection === undefined) resizes.admit(pod);
    resizes.want(pod);
    const started = new PodWorker(
      this.#services,
      resizes.allocatedPod(pod),
      this.#signal,
      rejection,
      decision.kind === 'admitted' ? this.#makeRoom(decision) : undefined,
    );
    this.#workers.set(uid, started);
    runtimeState.setPodCount(this.#workers.size);
    void started.done.finally(() => {
      this.#workers.delete(uid);
      runtimeState.setPodCount(this.#workers.size);
      this.#settleResizes('pods_removed');
    });
    this.#settleResizes('pod_updated');
  }

  /** What runs here already has been admitted before, by this kubelet or the one before it. */
  #admit(pod: Pod): AdmissionDecision {
    const { runtimeState, admit, recorder } = this.#services;
    const isOver = isPodTerminal(pod) || pod.metadata.deletionTimestamp !== undefined;
    if (isOver || !runtimeState.isUnknown(pod.metadata.uid))
      return { kind: 'admitted', victims: [], resource: '' };
    const decision = admit(pod, this.activePods());
    if (decision.kind === 'rejected') {
      const { reason, message } = decision.order;
      recorder.event(pod, 'Warning', reason, message.replace('Pod was rejected: ', ''));
    }
    return decision;
  }

  /** Ends those that a critical Pod has no room beside. Undefined when there are none; else resolves when none runs. */
  #makeRoom({
    victims,
    resource,
  }: Extract<AdmissionDecision, { kind: 'admitted' }>): Promise<void> | undefined {
    if (victims.length === 0) return undefined;
    const { recorder, log, metrics } = this.#services;
    const message = 'Preempted in order to admit critical pod';
    const ends = victims.map(async (victim) => {
      const { uid, namespace, name } = victim.metadata;
      recorder.event(victim, 'Warning', 'Preempting', message);
      log.warn('a pod must go for a critical one', { pod: `${namespace}/${name}`, resource });
      await this.end(uid, {
        reason: 'Preempting',
        message,
        isDisruption: true,
        disruptionMessage: 'Pod was preempted by Kubelet to accommodate a critical pod.',
      });
      metrics.preempted(resource);
    });
    return Promise.all(ends).then(() => undefined);
  }

  /** Only who knows all Pods knows what room there is. */
  #settleResizes(trigger: RetryTrigger): void {
    const { resizes } = this.#services;
    if (!this.#sourceIsComplete || this.#signal.aborted || !resizes.isWaiting) return;
    for (const uid of resizes.settle(this.activePods(), trigger)) {
      const worker = this.#workers.get(uid);
      if (worker === undefined) continue;
      worker.update(resizes.allocatedPod(worker.pod));
      worker.poke();
    }
  }

  /** Those that are not over, and that the node has not told to end. */
  activePods(): readonly Pod[] {
    return [...this.#workers.values()]
      .filter((worker) => !worker.isEnded)
      .map((worker) => worker.pod)
      .filter((pod) => !isPodTerminal(pod));
  }

  /** Ends a Pod that its owner still wants. Resolves when nothing of it runs any more. */
  async end(uid: string, order: EndOrder): Promise<void> {
    await this.#workers.get(uid)?.end(order);
  }

  /** The Pod is no longer wanted: it is gone from the apiserver, or from the folder that it came from. */
  remove(pod: Pod): void {
    this.#workers.get(pod.metadata.uid)?.vanish(pod);
  }

  /** Resolves when nothing of this Pod is left; at once when no worker has it. */
  async ended(uid: string): Promise<void> {
    await this.#workers.get(uid)?.done;
  }

  /** Something happened to this Pod in the runtime or to a probe of it. */
  poke(uid: string): void {
    const worker = this.#workers.get(uid);
    if (worker !== undefined) worker.poke();
    else if (this.#sourceIsComplete) this.#adoptOrphan(uid);
  }

  /** ConfigMaps or Secrets of these Pods changed. */
  pokeForObjects(uids: readonly string[]): void {
    for (const uid of uids) this.#workers.get(uid)?.pokeForObjects();
  }

  pods(): readonly Pod[] {
    return [...this.#workers.values()].map((worker) => worker.pod);
  }

  find(namespace: string, name: string): Pod | undefined {
    return this.pods().find((pod) => pod.metadata.namespace === namespace && pod.metadata.name === name);
  }

  /** All Pods of the apiserver have been handed over: what else is in the runtime or on the disk is an orphan. */
  async cleanUpOrphans(): Promise<void> {
    this.#sourceIsComplete = true;
    for (const { uid } of this.#services.runtimeState.knownPods())
      if (!this.#workers.has(uid)) this.#adoptOrphan(uid);
    this.#settleResizes('pod_updated');
    await Promise.all(this.#orphans.values());
    await this.#services.resizes.retain(new Set(this.#workers.keys()));
    await this.#removeFolders();
  }

  /** Resolves when all workers have ended; the signal given to the constructor makes them. */
  async stopped(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([...this.#workers.values()].map((worker) => worker.done));
    await Promise.all(this.#orphans.values());
  }

  #adoptOrphan(uid: string): void {
    const pod = this.#services.runtimeState.knownPods().find((known) => known.uid === uid);
    if (pod === undefined || this.#orphans.has(uid) || this.#signal.aborted) return;
    const work = this.#endOrphan(pod).finally(() => {
      this.#orphans.delete(uid);
    });
    this.#orphans.set(uid, work);
  }

  async #endOrphan(known: KnownPod): Promise<void> {
    const { runtime, runtimeState, volumes, cgroups, folders, log } = this.#services;
    const { uid, namespace, name } = known;
    this.#services.gate.seen(uid);
    log.info('removing a pod that is no longer wanted', { pod: `${namespace}/${name}`, uid });
    try {
      const state = await runtimeState.inspect(known, this.#signal);
      const running = state.containers.filter((container) => container.state === 'running');
      await Promise.all(running.map(({ id }) => runtime.stopContainer(id, 30, this.#signal)));
      for (const { id } of state.sandboxes) {
        await runtime.stopPodSandbox(id, this.#signal);
        await runtime.removePodSandbox(id, this.#signal);
      }
      await volumes.tearDown(uid);
      await cgroups.remove(uid);
      await rm(folders.logs({ metadata: { namespace, name, uid } }), { recursive: true, force: true });
      await runtimeState.inspect(known, this.#signal);
    } catch (error) {
      // It is found again by the next full list.
      if (!this.#signal.aborted)
        log.warn('an orphaned pod could not be removed', { pod: `${namespace}/${name}`, err: error });
    }
  }

  async #removeCgroup(uid: string): Promise<void> {
    try {
      await this.#services.cgroups.remove(uid);
    } catch (error) {
      // Something runs in it: another kubelet with the same root would have made it.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
  }

  /** Folders and cgroups of Pods that are neither wanted nor in the runtime. */
  async #removeFolders(): Promise<void> {
    const { folders, volumes, cgroups, runtimeState, log } = this.#services;
    const alive = new Set([...this.#workers.keys(), ...runtimeState.knownPods().map(({ uid }) => uid)]);
    for (const uid of await listFolder(folders.all)) {
      if (alive.has(uid) || this.#workers.has(uid)) continue;
      log.info('removing the folder of a pod that is gone', { uid });
      try {
        await volumes.tearDown(uid);
        await cgroups.remove(uid);
      } catch (error) {
        // A mount that does not let go must not keep the others; it is tried again with the next round.
        log.warn('the folder of a pod that is gone could not be removed', { uid, err: error });
      }
    }
    for (const uid of await cgroups.list())
      if (!alive.has(uid) && !this.#workers.has(uid)) await this.#removeCgroup(uid);
    await volumes.releaseUnused();
    for (const name of await listFolder(folders.allLogs)) {
      const uid = name.slice(name.lastIndexOf('_') + 1);
      if (!alive.has(uid) && !this.#workers.has(uid))
        await rm(join(folders.allLogs, name), { recursive: true, force: true });
    }
  }
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
