/**
 * What a start must wait for because a user said so (`startup.knarr.io/after`). Pure.
 *
 * The graph is that of the Pods of this node. A Pod elsewhere, or a Service, is a name that is ready or not; a Service is
 * also a way to the Pods of this node behind it. Pods that wait for each other in a circle are refused: none of them can
 * ever start, and the path tells why. A circle through a Service is none, for others may serve it.
 */
import type { StartupDependency } from '../../../api/startup-hints.js';

export interface DependentPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly after: readonly StartupDependency[];
  /** Ready, or ended well. */
  readonly isReady: boolean;
  /** It waits for a slot. */
  readonly isQueued: boolean;
  readonly priority: number;
  readonly isCritical: boolean;
}

/** What is known of others than the Pods of this node. */
export interface DependencyFacts {
  isPodReady(namespace: string, name: string): boolean;
  isServiceReady(namespace: string, name: string): boolean;
  /** The uids of the Pods of this node that a Service selects. */
  podsOfService(namespace: string, name: string): readonly string[];
}

export interface DependencyVerdict {
  /** What is not ready, as `pod/NAMESPACE/NAME` or `service/NAMESPACE/NAME`; the Pod is blocked when it is not empty. */
  readonly missing: readonly string[];
  /** Pods of this node that are on the way to it wait for a slot: the time of `after-timeout` does not run yet. */
  readonly isWayQueued: boolean;
  /** The circle that the Pod is in, beginning and ending with it; undefined: none. */
  readonly cycle: readonly string[] | undefined;
  /** Some Pod that is not ready must come after this one. */
  readonly isAwaited: boolean;
  /** The highest of its own and of those that must come after it. */
  readonly priority: number;
  readonly isCritical: boolean;
}

/** One verdict for each Pod, by uid. */
export function judgeDependencies(
  pods: readonly DependentPod[],
  facts: DependencyFacts,
): ReadonlyMap<string, DependencyVerdict> {
  const graph = new Graph(pods, facts);
  const verdicts = new Map<string, DependencyVerdict>();
  for (const pod of pods) {
    const missing = pod.after.filter((one) => !graph.isReady(pod, one));
    const dependents = graph.reach(pod, (one) => graph.dependents(one)).filter(({ isReady }) => !isReady);
    verdicts.set(pod.uid, {
      missing: missing.map((one) => textOf(pod, one)),
      isWayQueued:
        missing.length > 0 && graph.reach(pod, (one) => graph.needs(one)).some(({ isQueued }) => isQueued),
      cycle: graph.cycleOf(pod)?.map(({ namespace, name }) => `pod/${namespace}/${name}`),
      isAwaited: dependents.length > 0,
      priority: Math.max(pod.priority, ...dependents.map(({ priority }) => priority)),
      isCritical: pod.isCritical || dependents.some(({ isCritical }) => isCritical),
    });
  }
  return verdicts;
}

class Graph {
  readonly #facts: DependencyFacts;
  readonly #byName: ReadonlyMap<string, DependentPod>;
  readonly #byUid: ReadonlyMap<string, DependentPod>;
  readonly #dependents = new Map<string, DependentPod[]>();

  constructor(pods: readonly DependentPod[], facts: DependencyFacts) {
    this.#facts = facts;
    this.#byName = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
    this.#byUid = new Map(pods.map((pod) => [pod.uid, pod]));
    for (const pod of pods)
      for (const { uid } of this.needs(pod))
        this.#dependents.set(uid, [...(this.#dependents.get(uid) ?? []), pod]);
  }

  isReady(pod: DependentPod, { kind, namespace = pod.namespace, name }: StartupDependency): boolean {
    if (kind === 'service') return this.#facts.isServiceReady(namespace, name);
    return this.#byName.get(`${namespace}/${name}`)?.isReady ?? this.#facts.isPodReady(namespace, name);
  }

  /** The Pods of this node that are not ready and must be, or whose Service must be. Never the Pod itself by a Service. */
  needs(pod: DependentPod): DependentPod[] {
    return pod.after
      .filter((one) => !this.isReady(pod, one))
      .flatMap((one) =>
        one.kind === 'pod'
          ? (this.#podOf(pod, one) ?? [])
          : this.#facts
              .podsOfService(one.namespace ?? pod.namespace, one.name)
              .flatMap((uid) => (uid === pod.uid ? [] : (this.#byUid.get(uid) ?? []))),
      )
      .filter(({ isReady }) => !isReady);
  }

  dependents({ uid }: DependentPod): readonly DependentPod[] {
    return this.#dependents.get(uid) ?? [];
  }

  /** All that can be reached from a Pod, without itself. */
  reach(from: DependentPod, next: (pod: DependentPod) => readonly DependentPod[]): DependentPod[] {
    const seen = new Set<DependentPod>();
    const open = [...next(from)];
    for (let pod = open.pop(); pod !== undefined; pod = open.pop()) {
      if (seen.has(pod)) continue;
      seen.add(pod);
      open.push(...next(pod));
    }
    seen.delete(from);
    return [...seen];
  }

  /** The shortest circle of names through this Pod. */
  cycleOf(start: DependentPod): DependentPod[] | undefined {
    const seen = new Set<DependentPod>();
    let paths: DependentPod[][] = [[start]];
    while (paths.length > 0) {
      const longer: DependentPod[][] = [];
      for (const path of paths)
        for (const next of this.#named(path.at(-1) ?? start)) {
          if (next === start) return [...path, start];
          if (seen.has(next)) continue;
          seen.add(next);
          longer.push([...path, next]);
        }
      paths = longer;
    }
    return undefined;
  }

  /** What is ready holds nobody up, so no circle goes through it. */
  #named(pod: DependentPod): DependentPod[] {
    return pod.isReady
      ? []
      : pod.after.flatMap((one) => (one.kind === 'pod' ? (this.#podOf(pod, one) ?? []) : []));
  }

  #podOf(
    pod: DependentPod,
    { namespace = pod.namespace, name }: StartupDependency,
  ): DependentPod | undefined {
    return this.#byName.get(`${namespace}/${name}`);
  }
}

function textOf(pod: DependentPod, { kind, namespace = pod.namespace, name }: StartupDependency): string {
  return `${kind}/${namespace}/${name}`;
}
