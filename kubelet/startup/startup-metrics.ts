/** `knarr_startup_…`: what the startup gate does. Kubernetes has no such thing, so the names are ours. */
import type { Registry } from 'prom-client';
import type { DeviceReport } from '../../api/startup-report.js';
import { counterFamily, gaugeFamily, histogramFamily } from '../../common/metric-cells.js';
import type { StartupOutcome } from './gate.js';

export interface StartupMetrics {
  admitted(waitedSeconds: number): void;
  ended(outcome: StartupOutcome): void;
  timedOut(): void;
  /** A container was not killed, though its probe said so. */
  spared(): void;
}

const waitBuckets = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** `devices` is asked at each scrape. */
export function createStartupMetrics(
  registry: Registry,
  devices: () => readonly DeviceReport[],
): StartupMetrics {
  const gauge = (name: string, help: string, value: (device: DeviceReport) => number | undefined): void => {
    gaugeFamily(registry, {
      name,
      help,
      labelNames: ['device'],
      collect: (family) => {
        family.clear();
        for (const device of devices()) {
          const now = value(device);
          if (now !== undefined) family.with(device.about).set(now);
        }
      },
    });
  };
  gauge('knarr_startup_slots_limit', 'How many pods may start at once on the device.', ({ limit }) => limit);
  gauge('knarr_startup_slots_held', 'How many pods start on the device.', ({ held }) => held);
  gauge('knarr_startup_queued', 'How many pods wait for a slot of the device.', ({ queued }) => queued);
  gauge('knarr_startup_saturated', '1 while the device has no room for one start more.', (device) =>
    device.isSaturated ? 1 : 0,
  );
  gauge(
    'knarr_startup_pressure_ratio',
    'Share of the time in which some task waited for the device, while pods start.',
    ({ pressure }) => pressure,
  );
  const waited = histogramFamily(registry, {
    name: 'knarr_startup_wait_seconds',
    help: 'How long pods waited for their turn to start.',
    labelNames: [],
    buckets: waitBuckets,
  }).with();
  const ended = counterFamily(registry, {
    name: 'knarr_startup_ended_total',
    help: 'Starts by how they ended.',
    labelNames: ['outcome'],
  });
  const timedOut = counterFamily(registry, {
    name: 'knarr_startup_slot_timeouts_total',
    help: 'Slots that were given on although their pod was not ready.',
    labelNames: [],
  }).with();
  const spared = counterFamily(registry, {
    name: 'knarr_startup_spared_total',
    help: 'Times that a container was not killed, because its device was saturated and it made progress.',
    labelNames: [],
  }).with();
  return {
    admitted: (seconds) => {
      waited.observe(seconds);
    },
    ended: (outcome) => {
      ended.with(outcome).inc();
    },
    timedOut: () => {
      timedOut.inc();
    },
    spared: () => {
      spared.inc();
    },
  };
}
