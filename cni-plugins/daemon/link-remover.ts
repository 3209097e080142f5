/**
 * Removes network devices without making anybody wait for the kernel's clean-up.
 *
 * Removing a veth pair takes the kernel about 17 ms, nearly all of it a wait until no processor can still hold a
 * reference. The device is out of service and its name is gone long before that. So the request runs on a worker
 * thread, the caller is answered when the name is gone, and devices that are removed meanwhile share the next
 * wait by being removed as one group.
 */
import koffi from 'koffi';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { families, isNetlinkError, NetlinkSocket } from '../../common/netlink/socket.js';
import { deleteLinkGroup, retireLink } from '../lib/links.js';

/** Marks devices that are to be removed: any number that nobody else uses. */
const retiredGroup = 0x6b6e7276;
const lookIntervalMs = 1;

const ifNameToIndex = koffi.load('libc.so.6').func('uint32_t if_nametoindex(const char *)') as (
  name: string,
) => number;

interface Waiting {
  readonly name: string;
  readonly gone: () => void;
  readonly failed: (error: unknown) => void;
}

/** Safe for any number of concurrent calls. */
export class LinkRemover {
  readonly #clock: Clock;
  readonly #netlink = new NetlinkSocket(families.route);
  readonly #workerNetlink = new NetlinkSocket(families.route);
  #waiting: Waiting[] = [];
  #worker: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the name is free and nothing passes the device any more. No such device is fine. */
  async remove(name: string): Promise<void> {
    try {
      retireLink(this.#netlink, name, retiredGroup);
    } catch (error) {
      if (isNetlinkError(error, 'ENODEV')) return;
      throw error;
    }
    let finished = false;
    const removed = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ name, gone: resolve, failed: reject });
      this.#worker ??= this.#removeWaiting();
    }).finally(() => {
      finished = true;
    });
    await Promise.race([removed, this.#untilNameIsGone(name, () => finished)]);
  }

  /** Waits for removals under way and closes the sockets. */
  async close(): Promise<void> {
    await this.#worker;
    this.#netlink.close();
    this.#workerNetlink.close();
  }

  async #removeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await deleteLinkGroup(this.#workerNetlink, retiredGroup);
        for (const { gone } of batch) gone();
      } catch (error) {
        // An empty group: somebody else removed the devices.
        if (isNetlinkError(error, 'ENODEV')) for (const { gone } of batch) gone();
        else for (const { failed } of batch) failed(error);
      }
    }
    this.#worker = undefined;
  }

  /** The kernel has no notice for this moment that comes before its wait is over, so this looks. */
  async #untilNameIsGone(name: string, isOver: () => boolean): Promise<void> {
    while (!isOver() && ifNameToIndex(name) !== 0) await sleep(this.#clock, lookIntervalMs);
  }
}
