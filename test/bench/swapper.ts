/** An engine as the benchmark of stores sees it. */
export interface Swapper {
  /** Writes the key if its revision is `modRevision` (0: it is not there); the new one. Rejects otherwise. */
  put(key: string, value: Uint8Array, modRevision: number): Promise<number>;
  close(): Promise<void>;
}
