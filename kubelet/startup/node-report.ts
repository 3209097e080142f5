/**
 * Tells the cluster how the starts of this node go: an annotation of the Node with a line for each device, which the
 * scheduler reads. Written when it changed, at most every 10 seconds.
 */
import type { Node } from '../../api/generated/core-v1.js';
import { nodes } from '../../api/resources.js';
import { encodeDevicesAnnotation, startupDevicesAnnotation } from '../../api/startup-report.js';
import type { DeviceSummary } from '../../api/startup-report.js';
import type { ApiClient } from '../../client/types.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';

export interface NodeReportOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  /** As the apiserver has it; undefined while it is not registered. */
  readonly node: () => Node | undefined;
  /** Undefined when starts are not held back. */
  readonly devices: (() => readonly DeviceSummary[]) | undefined;
  /** The condition of the node may be another one now. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const intervalMs = 10_000;

export class NodeReport {
  readonly #options: NodeReportOptions;
  #wake: (() => void) | undefined;
  #isTold = true;
  #isDirty = false;
  #failures = 0;

  constructor(options: NodeReportOptions) {
    this.#options = options;
  }

  /** Something about the devices may have changed. */
  changed(): void {
    this.#isDirty = true;
    this.#wake?.();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = (): boolean => signal.aborted;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!stopped()) {
      await this.#write();
      await sleep(this.#options.clock, intervalMs, signal);
      if (this.#isTold && !this.#isDirty && !stopped())
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      this.#wake = undefined;
    }
  }

  async #write(): Promise<void> {
    const { client, nodeName, node, devices, onChange, log } = this.#options;
    const before = node()?.metadata.annotations?.[startupDevicesAnnotation] ?? null;
    const text = devices === undefined ? null : encodeDevicesAnnotation(devices());
    this.#isDirty = false;
    this.#isTold = text === before;
    if (this.#isTold) return;
    onChange();
    if (node() === undefined) return;
    try {
      const annotations = { [startupDevicesAnnotation]: text };
      await client.resource(nodes).patch({ name: nodeName }, 'merge', { metadata: { annotations } });
      this.#failures = 0;
    } catch (error) {
      if (this.#failures++ === 0)
        log.warn('the starts of the node could not be told of, will try again', { err: error });
    }
  }
}
