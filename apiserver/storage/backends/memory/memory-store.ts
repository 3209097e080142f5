/** The in-memory twin: the multi-version core without a disk. For tests, and the smallest example of a backend. */
import type { Clock } from '../../../../common/clock.js';
import { silentLogger } from '../../../../common/log.js';
import type { Logger } from '../../../../common/log.js';
import type { Store } from '../../store.js';
import { forgetfulJournal } from '../multiversion/journal.js';
import type { RetentionLimits } from '../multiversion/history-retention.js';
import { MultiVersionState } from '../multiversion/multiversion-state.js';
import { MultiVersionStore } from '../multiversion/multiversion-store.js';

export interface MemoryStoreOptions {
  readonly backend: 'memory';
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly retention?: Partial<RetentionLimits>;
}

export function openMemoryStore(options: MemoryStoreOptions): Store {
  return new MultiVersionStore(new MultiVersionState(), {
    log: silentLogger,
    ...options,
    journal: forgetfulJournal,
  });
}
