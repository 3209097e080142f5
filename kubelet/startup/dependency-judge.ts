/** What the starts of this node must wait for because their annotations say so, asked anew whenever it matters. */
import type { Pod } from '../../api/generated/core-v1.js';
import { isPodReady } from '../../api/pod-helpers.js';
import { parseStartupHints } from '../../api/startup-hints.js';
import type { StartupHints } from '../../api/startup-hints.js';
import { judgeDependencies } from './order/dependencies.js';
import type { DependencyFacts, DependencyVerdict } from './order/dependencies.js';
import type { Start } from './start.js';

/** What is known of others than the Pods of this node. Answers at once, from what it has heard; asks behind the scenes. */
export interface OtherReadiness extends DependencyFacts {
  /** Something is waited for: what is known is brought up to date. Calls back when that changed something. */
  refresh(onChange: () => void): void;
}

export interface DependencyJudgeOptions {
  /** All Pods of this node, with the kubelet's own word on their status. */
  readonly pods: () => readonly Pod[];
  readonly others: OtherReadiness;
}

export class DependencyJudge {
  readonly #options: DependencyJudgeOptions;
  /** Annotations do not change within one version of a Pod. */
  readonly #hints = new WeakMap<object, StartupHints>();

  constructor(options: DependencyJudgeOptions) {
    this.#options = options;
  }

  /** Verdicts by uid; empty while nobody that waits has dependencies: then nobody is waited for either. */
  judge(queued: readonly Start[], onChange: () => void): ReadonlyMap<string, DependencyVerdict> {
    const waiting = queued.filter(({ hints }) => hints.after.length > 0);
    if (waiting.length === 0) return new Map();
    const { pods, others } = this.#options;
    others.refresh(onChange);
    const starts = new Map(queued.map((start) => [start.uid, start]));
    const all = pods().map((pod) => {
      const { uid, namespace, name } = pod.metadata;
      const start = starts.get(uid);
      return {
        ...{ uid, namespace, name },
        after: this.#hintsOf(pod).after,
        isReady: isPodReady(pod) || pod.status.phase === 'Succeeded',
        isQueued: start !== undefined,
        priority: pod.spec.priority ?? 0,
        isCritical: start?.isCritical ?? false,
      };
    });
    return judgeDependencies(all, others);
  }

  #hintsOf({ metadata: { annotations } }: Pod): StartupHints {
    if (annotations === undefined) return parseStartupHints(undefined).hints;
    const known = this.#hints.get(annotations);
    if (known !== undefined) return known;
    const { hints } = parseStartupHints(annotations);
    this.#hints.set(annotations, hints);
    return hints;
  }
}
