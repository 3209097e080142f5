/**
 * Spares containers that would be killed only because their disk has too much to do: to begin again from zero would give
 * it more still. Belongs to the startup gate; the probes ask it through their port.
 */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { parseStartupHints } from '../../api/startup-hints.js';
import type { EventRecorder } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import type { ProbeMercy } from '../probes/probe-manager.js';
import type { ProgressReader } from './pressure/progress-reader.js';
import { judgeSparing } from './spare.js';
import type { SparingState } from './spare.js';
import type { AdmittingGate } from './startup-gate.js';
import type { StartupMetrics } from './startup-metrics.js';
import { spell } from './texts.js';

export interface StartupMercyOptions {
  readonly gate: Pick<AdmittingGate, 'saturationOf'>;
  readonly progress: ProgressReader;
  /** The cgroup of a container. */
  readonly cgroupOf: (pod: Pod, containerId: string) => string;
  /** What a Pod is spared that does not say. */
  readonly sparedForMs: number;
  readonly metrics: Pick<StartupMetrics, 'spared'>;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
}

/** A probe asks again within this time, or its container is no longer in trouble. */
const watchMs = 60_000;

export class StartupMercy implements ProbeMercy {
  readonly #options: StartupMercyOptions;
  readonly #states = new Map<string, SparingState>();

  constructor(options: StartupMercyOptions) {
    this.#options = options;
  }

  async spares(pod: Pod, container: Container, containerId: string, isCondemned: boolean): Promise<boolean> {
    const { gate, progress, cgroupOf, sparedForMs, metrics, recorder, clock } = this.#options;
    const { hints } = parseStartupHints(pod.metadata.annotations);
    const spareForMs = hints.spareForMs ?? sparedForMs;
    const { isSaturated, devices } = await gate.saturationOf(pod, watchMs);
    const before = this.#states.get(containerId);
    const { isSpared, state } = judgeSparing(before, {
      nowMs: clock.monotonicMs(),
      isSaturated: isSaturated && isCondemned,
      bytes: await progress.bytesOf(cgroupOf(pod, containerId), devices),
      spareForMs,
    });
    this.#states.set(containerId, state);
    if (!isSpared) return false;
    metrics.spared();
    if (before?.sparedSinceMs === undefined) {
      const names = devices.map(({ about }) => about).join(', ');
      const text =
        `Container ${container.name} failed its probe and is not killed, for ${spell(spareForMs)} at most: ` +
        `it makes progress, and ${names} is saturated`;
      recorder.event(pod, 'Normal', 'StartupSpared', text);
    }
    return true;
  }

  forget(containerId: string): void {
    this.#states.delete(containerId);
  }
}
