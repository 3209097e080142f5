/** The devices that starts are charged to, each with its slots. What cannot be measured is told once, and done without. */
import type { DeviceHistory, DeviceReport } from '../../api/startup-report.js';
import type { StartupController } from './controllers/controller.js';
import { DeviceSlots } from './device-slots.js';
import type { DeviceMeasurement } from './device-slots.js';
import type { BackingDevice } from './devices/backing-device.js';
import { nodeAsDevice } from './start-surroundings.js';

export interface DeviceTableOptions {
  readonly controller: StartupController;
  readonly sampler: { sample(): Promise<ReadonlyMap<string, DeviceMeasurement>> };
  readonly tellOnce: (what: string, error: unknown) => void;
}

export class DeviceTable {
  readonly #options: DeviceTableOptions;
  readonly #slots = new Map<string, DeviceSlots>();

  constructor(options: DeviceTableOptions) {
    this.#options = options;
  }

  get(key: string): DeviceSlots | undefined {
    return this.#slots.get(key);
  }

  all(): readonly DeviceSlots[] {
    return [...this.#slots.values()];
  }

  /** Those of the devices; of none: those of the node as a whole. */
  slotsOf(devices: readonly BackingDevice[]): readonly DeviceSlots[] {
    return (devices.length === 0 ? [nodeAsDevice] : devices).map((device) => {
      const known = this.#slots.get(device.key) ?? new DeviceSlots(device, this.#options.controller);
      this.#slots.set(device.key, known);
      return known;
    });
  }

  /**
   * Milliseconds until a free slot of some device may be taken, where the distance to the last admission is not kept yet;
   * Infinity when there is none such.
   */
  nextSlotInMs(nowMs: number): number {
    return Math.min(
      ...this.all()
        .map((device) => device.slotInMs(nowMs))
        .filter((inMs) => inMs > 0),
    );
  }

  /** By key. Does not reject. */
  async sample(): Promise<ReadonlyMap<string, DeviceMeasurement>> {
    try {
      return await this.#options.sampler.sample();
    } catch (error) {
      this.#options.tellOnce(
        'the disks could not be measured: the pace follows from the starts alone',
        error,
      );
      return new Map();
    }
  }

  reports(): readonly DeviceReport[] {
    return this.all().map((device) => device.report());
  }

  histories(): readonly DeviceHistory[] {
    return this.all().map(({ key, device, history }) => ({ key, about: device.about, samples: history }));
  }
}
