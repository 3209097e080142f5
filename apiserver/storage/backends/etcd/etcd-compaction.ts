/**
 * Compaction that several servers share. Every interval each of them tries to move the counter that is the version
 * of one key; who succeeds compacts to where the store was when that key was last seen, an interval ago. The key
 * and the rule are Kubernetes', so that a kube-apiserver on the same etcd takes part.
 */
import type { Clock } from '../../../../common/clock.js';
import { sleep } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import type { EtcdClient } from './etcd-client.js';
import { EtcdCallError } from './etcd-errors.js';

/** Not below any prefix: compaction is of the whole etcd. */
export const compactionKey = 'compact_rev_key';

export interface EtcdCompactionOptions {
  readonly client: Pick<EtcdClient, 'txn' | 'compact'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
  onCompacted?(revision: number): void;
}

/** What one server knows of the counter: its value, and the revision of the store when it was read. */
export interface CompactionMark {
  readonly version: number;
  /** 0 before the first look: nothing is compacted then. */
  readonly revision: number;
}

export class EtcdCompaction {
  readonly #options: EtcdCompactionOptions;

  constructor(options: EtcdCompactionOptions) {
    this.#options = options;
  }

  /** Compacts every interval until the signal aborts. Errors are logged; the next round tries again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, intervalMs } = this.#options;
    let mark: CompactionMark = { version: 0, revision: 0 };
    for (;;) {
      await sleep(clock, intervalMs, signal);
      if (signal.aborted) return;
      try {
        mark = await this.#round(mark);
      } catch (error) {
        log.warn('etcd could not be compacted; tried again later', { err: error });
      }
    }
  }

  async #round(mark: CompactionMark): Promise<CompactionMark> {
    const { client, log } = this.#options;
    const key = Buffer.from(compactionKey);
    const response = await client.txn({
      compare: [{ result: 'EQUAL', target: 'VERSION', key, version: mark.version }],
      success: [{ requestPut: { key, value: Buffer.from(String(mark.revision)) } }],
      failure: [{ requestRange: { key } }],
    });
    const revision = Number(response.header.revision);
    if (!response.succeeded) {
      const [found] = response.responses[0]?.responseRange?.kvs ?? [];
      return { version: Number(found?.version ?? 0), revision };
    }
    if (mark.revision > 0) {
      try {
        await client.compact(mark.revision);
        this.#options.onCompacted?.(mark.revision);
        log.debug('etcd was compacted', { revision: mark.revision });
      } catch (error) {
        // Somebody else, an administrator or etcd's own automatic compaction, has been there.
        if (!(error instanceof EtcdCallError) || error.kind !== 'compacted') throw error;
      }
    }
    return { version: mark.version + 1, revision };
  }
}
