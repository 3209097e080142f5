/**
 * Runs the plugins of a profile at each extension point: in their order, with their weights, until one decides.
 *
 * The framework knows no plugin by name; it only combines answers. A plugin that throws ends the attempt with a
 * {@link PluginError} that says which one and where.
 */
import type { CycleState } from './cycle-state.js';
import { stateKey } from './cycle-state.js';
import { maxNodeScore } from './extension-points.js';
import type { PostFilterResult, QueuedPod, Rejection, SchedulerPlugin } from './extension-points.js';
import { noFrameworkMeter, statusOf } from './meter.js';
import type { FrameworkMeter } from './meter.js';
import type { NodeInfo } from './node-info.js';
import type { PodInfo } from './pod-info.js';
import { success } from './verdict.js';
import type { Success, Verdict } from './verdict.js';

export interface EnabledPlugin {
  readonly plugin: SchedulerPlugin;
  /** How much its score counts. */
  readonly weight: number;
}

/** A plugin is broken, or cannot do its work now. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
  readonly plugin: string;

  constructor(plugin: string, point: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`plugin ${plugin} failed in ${point}: ${why}`, { cause });
    this.plugin = plugin;
  }
}

/** Plugins that said `skip` in PreFilter or PreScore of this cycle. */
const skippedFilters = stateKey<ReadonlySet<SchedulerPlugin>>('framework: skipped filters');
const skippedScores = stateKey<ReadonlySet<SchedulerPlugin>>('framework: skipped scores');

/** What a plugin that must be asked again later answered. */
export interface PendingPermission {
  readonly plugin: string;
  readonly timeoutMs: number;
}

export interface Permission {
  readonly kind: 'success';
  /** Plugins that want the Pod to wait. */
  readonly pending: readonly PendingPermission[];
}

export interface NarrowedNodes extends Success {
  readonly onlyNodes: ReadonlySet<string> | undefined;
  readonly narrowedBy: readonly string[];
}

export class Framework {
  readonly #enabled: readonly EnabledPlugin[];
  readonly #plugins: readonly SchedulerPlugin[];
  readonly #queueSort: SchedulerPlugin & Required<Pick<SchedulerPlugin, 'compare'>>;
  #meter: FrameworkMeter = noFrameworkMeter;
  #attempts = 0;
  /** Whether the plugins of the attempt under way are timed one by one. */
  #timesPlugins = false;

  /** Throws when names repeat, when not exactly one plugin sorts the queue, or when none binds. */
  constructor(enabled: readonly EnabledPlugin[]) {
    this.#enabled = enabled;
    this.#plugins = enabled.map(({ plugin }) => plugin);
    const names = new Set(this.#plugins.map((plugin) => plugin.name));
    if (names.size !== enabled.length) throw new Error('two scheduler plugins have the same name');
    const sorters = this.#plugins.filter(has('compare'));
    const [sorter] = sorters;
    if (sorter === undefined || sorters.length > 1)
      throw new Error(`exactly one plugin must sort the queue, not ${String(sorters.length)}`);
    if (!this.#plugins.some(has('bind'))) throw new Error('no plugin binds pods');
    this.#queueSort = sorter;
  }

  useMeter(meter: FrameworkMeter): void {
    this.#meter = meter;
  }

  get plugins(): readonly SchedulerPlugin[] {
    return this.#plugins;
  }

  compare(a: QueuedPod, b: QueuedPod): number {
    return this.#queueSort.compare(a, b);
  }

  preEnqueue(pod: PodInfo): Success | Rejection {
    for (const plugin of this.#plugins.filter(has('preEnqueue'))) {
      const verdict = this.#guard(plugin, 'PreEnqueue', () => plugin.preEnqueue(pod));
      if (verdict.kind === 'unschedulable') return { ...verdict, plugin: plugin.name };
    }
    return success;
  }

  /** `onlyNodes` is what the plugins in `narrowedBy` together leave; undefined means all nodes. */
  preFilter(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): NarrowedNodes | Rejection {
    this.#timesPlugins = this.#attempts++ % attemptsPerTiming === 0;
    return this.#timed('PreFilter', () => this.#runPreFilter(state, pod, nodes));
  }

  #runPreFilter(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): NarrowedNodes | Rejection {
    const skipped = new Set<SchedulerPlugin>();
    const narrowedBy: string[] = [];
    let onlyNodes: ReadonlySet<string> | undefined;
    for (const plugin of this.#plugins.filter(has('preFilter'))) {
      const verdict = this.#guard(plugin, 'PreFilter', () => plugin.preFilter(state, pod, nodes));
      if (verdict.kind === 'unschedulable') return { ...verdict, plugin: plugin.name };
      if (verdict.kind === 'skip') skipped.add(plugin);
      else if (verdict.onlyNodes !== undefined) {
        onlyNodes = intersection(onlyNodes, verdict.onlyNodes);
        narrowedBy.push(plugin.name);
      }
    }
    state.write(skippedFilters, skipped);
    return { kind: 'success', onlyNodes, narrowedBy };
  }

  /** The first plugin that rejects the node decides; those after it are not asked. */
  filter(state: CycleState, pod: PodInfo, node: NodeInfo): Success | Rejection {
    return this.#timed('Filter', () => this.#runFilter(state, pod, node));
  }

  #runFilter(state: CycleState, pod: PodInfo, node: NodeInfo): Success | Rejection {
    const skipped = state.read(skippedFilters);
    for (const plugin of this.#plugins) {
      if (!has('filter')(plugin) || skipped?.has(plugin) === true) continue;
      const verdict = this.#guard(plugin, 'Filter', () => plugin.filter(state, pod, node));
      if (verdict.kind === 'unschedulable') return { ...verdict, plugin: plugin.name };
    }
    return success;
  }

  /** The first plugin that finds a way out decides; messages of the others are joined. */
  postFilter(
    state: CycleState,
    pod: PodInfo,
    rejections: ReadonlyMap<string, Rejection>,
    nodes: readonly NodeInfo[],
  ): PostFilterResult {
    return this.#timed('PostFilter', () => this.#runPostFilter(state, pod, rejections, nodes));
  }

  #runPostFilter(
    state: CycleState,
    pod: PodInfo,
    rejections: ReadonlyMap<string, Rejection>,
    nodes: readonly NodeInfo[],
  ): PostFilterResult {
    const messages: string[] = [];
    for (const plugin of this.#plugins.filter(has('postFilter'))) {
      const result = this.#guard(plugin, 'PostFilter', () =>
        plugin.postFilter(state, pod, rejections, nodes),
      );
      if (result.kind === 'nominated') return result;
      if (result.message !== undefined) messages.push(result.message);
    }
    return messages.length === 0
      ? { kind: 'unschedulable' }
      : { kind: 'unschedulable', message: messages.join(', ') };
  }

  /** The weighted sum of all normalized scores, by node name. */
  score(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): ReadonlyMap<string, number> {
    this.#timed('PreScore', () => {
      this.#preScore(state, pod, nodes);
    });
    return this.#timed('Score', () => this.#runScore(state, pod, nodes));
  }

  #runScore(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): ReadonlyMap<string, number> {
    const totals = new Map(nodes.map((node) => [node.name, 0]));
    for (const { plugin, weight } of this.#enabled) {
      if (!has('score')(plugin) || state.read(skippedScores)?.has(plugin) === true) continue;
      const normalized = this.#guard(plugin, 'Score', () => {
        const raw = new Map(nodes.map((node) => [node.name, plugin.score(state, pod, node)]));
        return plugin.normalizeScores?.(state, pod, raw) ?? raw;
      });
      for (const [name, total] of totals) {
        const score = normalized.get(name);
        if (score === undefined || !(score >= 0 && score <= maxNodeScore)) {
          const cause = new RangeError(`score ${String(score)} of node ${name} is outside of 0 to 100`);
          throw new PluginError(plugin.name, 'Score', cause);
        }
        totals.set(name, total + score * weight);
      }
    }
    return totals;
  }

  #preScore(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): void {
    const skipped = new Set<SchedulerPlugin>();
    for (const plugin of this.#plugins.filter(has('preScore'))) {
      const verdict = this.#guard(plugin, 'PreScore', () => plugin.preScore(state, pod, nodes));
      if (verdict.kind === 'skip') skipped.add(plugin);
    }
    state.write(skippedScores, skipped);
  }

  /** On a rejection everything that was reserved has been unreserved. */
  reserve(state: CycleState, pod: PodInfo, nodeName: string): Success | Rejection {
    return this.#timed('Reserve', () => this.#runReserve(state, pod, nodeName));
  }

  #runReserve(state: CycleState, pod: PodInfo, nodeName: string): Success | Rejection {
    try {
      for (const plugin of this.#plugins.filter(has('reserve'))) {
        const verdict = this.#guard(plugin, 'Reserve', () => plugin.reserve(state, pod, nodeName));
        if (verdict.kind === 'unschedulable') {
          this.unreserve(state, pod, nodeName);
          return { ...verdict, plugin: plugin.name };
        }
      }
      return success;
    } catch (error) {
      this.unreserve(state, pod, nodeName);
      throw error;
    }
  }

  /** In reverse order, as things that build on each other are taken apart. */
  unreserve(state: CycleState, pod: PodInfo, nodeName: string): void {
    for (const plugin of [...this.#plugins].reverse()) plugin.unreserve?.(state, pod, nodeName);
  }

  /** All plugins that want the Pod to wait, or the first rejection. */
  permit(state: CycleState, pod: PodInfo, nodeName: string): Promise<Permission | Rejection> {
    return this.#timedAsync('Permit', () => this.#runPermit(state, pod, nodeName));
  }

  async #runPermit(state: CycleState, pod: PodInfo, nodeName: string): Promise<Permission | Rejection> {
    const pending: PendingPermission[] = [];
    for (const plugin of this.#plugins.filter(has('permit'))) {
      const verdict = await this.#guardAsync(plugin, 'Permit', () => plugin.permit(state, pod, nodeName));
      if (verdict.kind === 'unschedulable') return { ...verdict, plugin: plugin.name };
      if (verdict.kind === 'wait') pending.push({ plugin: plugin.name, timeoutMs: verdict.timeoutMs });
    }
    return { kind: 'success', pending };
  }

  preBind(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Success | Rejection> {
    return this.#timedAsync('PreBind', () => this.#runPreBind(state, pod, nodeName, signal));
  }

  async #runPreBind(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Success | Rejection> {
    for (const plugin of this.#plugins.filter(has('preBind'))) {
      const verdict: Verdict = await this.#guardAsync(plugin, 'PreBind', () =>
        plugin.preBind(state, pod, nodeName, signal),
      );
      if (verdict.kind === 'unschedulable') return { ...verdict, plugin: plugin.name };
    }
    return success;
  }

  /** Rejects with PluginError (the StatusError of the server is its cause) when the Pod could not be bound. */
  bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void> {
    return this.#timedAsync('Bind', () => this.#runBind(state, pod, nodeName, signal));
  }

  async #runBind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void> {
    for (const plugin of this.#plugins.filter(has('bind'))) {
      const result = await this.#guardAsync(plugin, 'Bind', () => plugin.bind(state, pod, nodeName, signal));
      if (result.kind === 'success') return;
    }
    throw new Error(`every plugin declined to bind ${pod.key}`);
  }

  postBind(state: CycleState, pod: PodInfo, nodeName: string): void {
    this.#timed('PostBind', () => {
      for (const plugin of this.#plugins) plugin.postBind?.(state, pod, nodeName);
    });
  }

  #timed<R>(point: string, run: () => R): R {
    const startedMs = this.#meter.now();
    try {
      const answer = run();
      this.#meter.ran(point, statusOf(answer), startedMs);
      return answer;
    } catch (error) {
      this.#meter.ran(point, 'Error', startedMs);
      throw error;
    }
  }

  async #timedAsync<R>(point: string, run: () => Promise<R>): Promise<R> {
    const startedMs = this.#meter.now();
    try {
      const answer = await run();
      this.#meter.ran(point, statusOf(answer), startedMs);
      return answer;
    } catch (error) {
      this.#meter.ran(point, 'Error', startedMs);
      throw error;
    }
  }

  /** Asks one plugin. Throws PluginError when it throws. */
  #guard<R>(plugin: SchedulerPlugin, point: string, call: () => R): R {
    const meter = this.#meter;
    if (countedPoints.has(point)) meter.evaluated(point, plugin.name);
    const startedMs = this.#timesPlugins ? meter.now() : undefined;
    try {
      const answer = call();
      if (startedMs !== undefined) meter.asked(point, plugin.name, statusOf(answer), startedMs);
      return answer;
    } catch (error) {
      if (startedMs !== undefined) meter.asked(point, plugin.name, 'Error', startedMs);
      throw new PluginError(plugin.name, point, error);
    }
  }

  async #guardAsync<R>(plugin: SchedulerPlugin, point: string, call: () => Promise<R>): Promise<R> {
    const meter = this.#meter;
    const startedMs = this.#timesPlugins ? meter.now() : undefined;
    try {
      const answer = await call();
      if (startedMs !== undefined) meter.asked(point, plugin.name, statusOf(answer), startedMs);
      return answer;
    } catch (error) {
      if (startedMs !== undefined) meter.asked(point, plugin.name, 'Error', startedMs);
      throw new PluginError(plugin.name, point, error);
    }
  }
}

/** Every so many attempts plugins are timed one by one, as often as in Kubernetes. */
const attemptsPerTiming = 10;
/** Where Kubernetes counts how often each plugin is asked. */
const countedPoints: ReadonlySet<string> = new Set(['PreFilter', 'Filter', 'PreScore', 'Score']);

type With<M extends keyof SchedulerPlugin> = SchedulerPlugin & {
  [K in M]-?: NonNullable<SchedulerPlugin[K]>;
};

function has<M extends keyof SchedulerPlugin>(method: M): (plugin: SchedulerPlugin) => plugin is With<M> {
  return (plugin): plugin is With<M> => plugin[method] !== undefined;
}

function intersection(a: ReadonlySet<string> | undefined, b: ReadonlySet<string>): ReadonlySet<string> {
  return a === undefined ? b : new Set([...a].filter((name) => b.has(name)));
}
