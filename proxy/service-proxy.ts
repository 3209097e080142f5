/**
 * Keeps the kernel's table as Services and EndpointSlices ask. State in memory: what each Service adds, and what
 * the kernel was last given; a change is the difference of the two. The first synchronisation, one after an
 * error and one after somebody else changed nftables give the kernel everything again.
 */
import { backoffDelayMs } from '../common/backoff.js';
import { sleep } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Service } from '../api/generated/core-v1.js';
import type { EndpointSlice } from '../api/generated/discovery-v1.js';
import { keyOf } from '../api/objects.js';
import { endpointSlices, services } from '../api/resources.js';
import type { Informer, InformerFactory } from '../client/types.js';
import { CoalescedTask } from './coalesced-task.js';
import { computeServiceRules } from './compute-ruleset.js';
import type { UdpPort } from './compute-ruleset.js';
import type { HostNetworkOptions } from './host-network.js';
import type { ProxyMetrics } from './metrics.js';
import type { Nftables } from './nftables.js';
import { renderDifference, renderFull, renderReplacement } from './render-ruleset.js';
import { RulesetIndex } from './ruleset-index.js';

const serviceNameLabel = 'kubernetes.io/service-name';
const minSyncIntervalMs = 100;
const defaultVerifyIntervalMs = 30_000;
const retryBackoff = { initialMs: 500, maxMs: 30_000, jitter: 0.3 };

export interface ServiceProxyOptions extends HostNetworkOptions {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  readonly nftables: Nftables;
  /** Makes bridge and routes; called before the first synchronisation and at each verification. */
  readonly ensureHost: () => Promise<void>;
  /** Removes UDP flows to endpoints that went; returns how many. */
  readonly forgetStaleFlows: (ports: readonly UdpPort[]) => number;
  /** How often to ask whether somebody else changed nftables. Default 30 s. */
  readonly verifyIntervalMs?: number;
  readonly metrics: ProxyMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #sync: CoalescedTask;
  readonly #dirty = new Set<string>();
  readonly #rules = new RulesetIndex();
  /** UDP ports, by Service, that changed and whose flows were not looked at yet. */
  readonly #udpToCheck = new Map<string, readonly UdpPort[]>();
  /** What the kernel holds is not known: at the start, after an error, after a change by others. */
  #needsFullSync = true;
  #lastGeneration = 0;
  #failures = 0;
  #reportedConflicts = '';
  #hasSynced = false;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#services = options.informers.informer(services);
    this.#slices = options.informers.informer(endpointSlices, {
      indexes: { service: (slice) => serviceKeyOf(slice) ?? [] },
    });
    this.#sync = new CoalescedTask({
      clock: options.clock,
      minIntervalMs: minSyncIntervalMs,
      task: () => this.#synchronise(),
    });
  }

  /** Throws until the rules were applied once and while the last attempt failed. For /readyz. */
  checkHealth(): void {
    if (!this.#hasSynced) throw new Error('the rules were not applied yet');
    if (this.#failures > 0) throw new Error('the kernel refused the last change of the rules');
  }

  /** Runs until the signal aborts. Leaves all rules in place: connections outlive the proxy. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#options.ensureHost();
    // With half of the picture, rules that another run made would be removed and made again.
    await Promise.all([this.#services.whenSynced(signal), this.#slices.whenSynced(signal)]);
    if (signal.aborted) return;
    const stopWatching = this.#watch();
    this.#sync.request();
    await Promise.all([this.#sync.run(signal), this.#verifyFromTimeToTime(signal)]);
    stopWatching();
  }

  #watch(): () => void {
    const { metrics } = this.#options;
    const touch = (kind: 'service' | 'endpoint', key: string | undefined): void => {
      if (key === undefined) return;
      metrics.changed(kind);
      metrics.queued();
      this.#dirty.add(key);
      this.#sync.request();
    };
    const touchService = (service: Service): void => {
      touch('service', keyOf(service));
    };
    const touchSlice = (slice: EndpointSlice): void => {
      touch('endpoint', serviceKeyOf(slice)?.[0]);
    };
    const handlers = [
      this.#services.addHandler({
        onAdd: touchService,
        onUpdate: (_, after) => {
          touchService(after);
        },
        onDelete: touchService,
      }),
      this.#slices.addHandler({
        onAdd: touchSlice,
        onUpdate: (before, after) => {
          touchSlice(before);
          touchSlice(after);
        },
        onDelete: touchSlice,
      }),
    ];
    return () => {
      for (const remove of handlers) remove();
    };
  }

  /** Resolves to how long to wait before the next try. */
  async #synchronise(): Promise<number> {
    const { clock, metrics, log } = this.#options;
    const startedAt = clock.monotonicMs();
    this.#recompute();
    this.#reportConflicts();
    const kind = this.#needsFullSync ? 'full' : 'partial';
    try {
      const changed = kind === 'full' ? await this.#applyFull() : await this.#applyDifference();
      this.#hasSynced = true;
      this.#failures = 0;
      if (!changed) metrics.unchanged();
      else {
        const seconds = (clock.monotonicMs() - startedAt) / 1_000;
        metrics.synced(seconds, kind);
        metrics.served(this.#rules.size, this.#rules.all().elements.size);
        log.debug('applied rules', { kind, seconds, services: this.#rules.size });
      }
    } catch (error) {
      return this.#noteFailure(error);
    }
    this.#forgetFlows();
    return 0;
  }

  /** Computes anew what changed Services add, and notes the UDP ports whose flows are to be looked at. */
  #recompute(): void {
    for (const key of this.#dirty) {
      const before = this.#rules.get(key);
      const service = this.#services.get(key);
      const slices = this.#slices.byIndex('service', key);
      const after = service && computeServiceRules(service, slices, this.#options);
      this.#rules.set(key, after);
      // A Service that went has no targets any more.
      const gone = before?.udpPorts.map((port) => ({ ...port, targets: [] })) ?? [];
      const udpPorts = after?.udpPorts ?? gone;
      if (udpPorts.length > 0) this.#udpToCheck.set(key, udpPorts);
    }
    this.#dirty.clear();
  }

  async #applyFull(): Promise<true> {
    const { nftables, log } = this.#options;
    this.#rules.takeChanges();
    const ruleset = this.#rules.all();
    // Before anything is read: a change by others meanwhile must show as a generation that is not this one plus one.
    const before = nftables.generation();
    const inventory = await nftables.inventory();
    try {
      await nftables.apply(renderFull(this.#options, ruleset, inventory));
    } catch (error) {
      // A table of another version may declare the same names differently. Its place is taken in one step.
      log.warn('the table in the kernel cannot be kept, replacing it', { err: error });
      await nftables.apply(renderReplacement(this.#options, ruleset));
    }
    this.#needsFullSync = false;
    this.#lastGeneration = before + 1;
    return true;
  }

  async #applyDifference(): Promise<boolean> {
    const { nftables } = this.#options;
    const { before: applied, after: wanted } = this.#rules.takeChanges();
    const script = renderDifference(applied, wanted);
    if (script === '') return false;
    const before = nftables.generation();
    await nftables.apply(script);
    // Had others changed something before, or meanwhile, the next verification must see it.
    if (before === this.#lastGeneration) this.#lastGeneration++;
    return true;
  }

  #noteFailure(error: unknown): number {
    const delayMs = backoffDelayMs(this.#failures++, retryBackoff);
    this.#options.metrics.failed();
    this.#options.log.error('cannot apply rules, will try again', { err: error, delayMs });
    this.#needsFullSync = true;
    this.#sync.request();
    return delayMs;
  }

  /** A failure here leaves clients of a dead endpoint waiting, and nothing else: it is logged. */
  #forgetFlows(): void {
    const ports = [...this.#udpToCheck.values()].flat();
    this.#udpToCheck.clear();
    if (ports.length === 0) return;
    try {
      const count = this.#options.forgetStaleFlows(ports);
      this.#options.metrics.flowsForgotten(count);
      if (count > 0) this.#options.log.info('forgot UDP flows to endpoints that went', { count });
    } catch (error) {
      this.#options.log.warn('cannot remove UDP flows from connection tracking', { err: error });
    }
  }

  #reportConflicts(): void {
    const conflicts = this.#rules.conflicts();
    const text = JSON.stringify(conflicts);
    if (text === this.#reportedConflicts) return;
    this.#reportedConflicts = text;
    for (const conflict of conflicts) {
      this.#options.log.warn('two Services claim the same address and port, the older one has it', {
        ...conflict,
      });
    }
  }

  /** Firewalls are reloaded and take every table with them: then all is given to the kernel again. */
  async #verifyFromTimeToTime(signal: AbortSignal): Promise<void> {
    const { clock, nftables, log, ensureHost, verifyIntervalMs = defaultVerifyIntervalMs } = this.#options;
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      await sleep(clock, verifyIntervalMs, signal);
      if (isStopped()) return;
      try {
        await ensureHost();
        if (this.#needsFullSync || nftables.generation() === this.#lastGeneration) continue;
        log.info('nftables was changed by somebody else, applying all rules again');
        this.#needsFullSync = true;
        this.#sync.request();
      } catch (error) {
        log.warn('cannot verify the rules in the kernel', { err: error });
      }
    }
  }
}

/** 'namespace/name' of the Service that a slice belongs to, as an index wants it. */
function serviceKeyOf(slice: EndpointSlice): readonly [string] | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined || name === '' ? undefined : [`${slice.metadata.namespace}/${name}`];
}
