/** One scenario of the store's contract, and what it runs on. */
import type { Test } from 'tap';
import type { Store } from '../../apiserver/storage/store.js';

export interface StoreUnderTest {
  readonly store: Store;
  /** Closes the store and opens the same data again; absent when closing forgets it. */
  readonly reopen?: () => Promise<Store>;
  /** Ends what `open` of the harness started; the store in use is closed. */
  readonly dispose: () => Promise<void>;
}

/** Declares a scenario: it gets a store of its own, which is closed after it. */
export type Scenario = (title: string, run: (t: Test, under: StoreUnderTest) => Promise<void>) => void;
