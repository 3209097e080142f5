/** `knarr store migrate`: a stopped cluster from the embedded store into etcd, or back. */
import { createHash } from 'node:crypto';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import type { Logger } from '../../common/log.js';
import { loadEmbeddedTools, loadEtcdTools } from '../storage/backends/registry.js';
import type { StoreOptions } from '../storage/backends/registry.js';
import { StoreError } from '../storage/store.js';
import type { StoredRecord } from '../storage/store.js';
import { readEtcdFlags } from '../store-flags.js';
import type { StoreFlags } from '../store-flags.js';
import type { ExitCode, ToolContext } from './commands.js';
import { countInWords, progressOf, report } from './report.js';

export interface MigrateFlags extends Omit<StoreFlags, 'storageBackend' | 'etcdCompactionInterval'> {
  readonly from: string;
  readonly to: string;
}

/** Servers say there that they run, for some seconds: not part of a cluster that is stopped. */
const presenceFolder = '/registry/masterleases/';

interface Contents {
  readonly revision: number;
  records(): AsyncIterable<StoredRecord> | Iterable<StoredRecord>;
  close(): Promise<void> | void;
}

interface Place {
  /** As people name it. */
  readonly name: string;
  read(): Promise<Contents>;
  /** Returns the revision at which the target begins. */
  fill(afterRevision: number, records: AsyncIterable<StoredRecord>): Promise<number>;
}

/** The exit code is 1 when what was read back is not what was written. */
export async function migrate(
  context: ToolContext,
  dataDir: string,
  flags: MigrateFlags,
  log: Logger,
): Promise<ExitCode> {
  const [from, to] = [
    placeOf(flags.from, context, dataDir, flags, log),
    placeOf(flags.to, context, dataDir, flags, log),
  ];
  if ((flags.from === 'embedded') === (flags.to === 'embedded'))
    throw new UsageError('one of --from and --to is embedded, the other one etcd=URL[,URL]');
  const source = await from.read();
  const written = new Digest();
  let revision: number;
  try {
    revision = await to.fill(source.revision, written.over(moving(source, Date.now())));
  } finally {
    await source.close();
  }
  const target = await to.read();
  const found = new Digest();
  try {
    for await (const record of moving(target, 0)) found.add(record);
  } finally {
    await target.close();
  }
  const [expected, actual] = [written.facts(), found.facts()];
  const isSame = expected.sha256 === actual.sha256 && expected.keys === actual.keys;
  report(
    context.output,
    {
      from: from.name,
      to: to.name,
      sourceRevision: source.revision,
      revision,
      verified: isSame,
      ...expected,
      found: actual,
    },
    isSame
      ? [
          `moved ${countInWords(expected.keys, 'key')} (${expected.expiring} that expire) from ${from.name} to ${to.name}`,
          `read back: ${countInWords(actual.keys, 'key')}, SHA-256 ${actual.sha256.slice(0, 16)}… on both sides`,
          `revisions go on from ${revision}, after ${source.revision}`,
          `next: knarr up --store ${flags.to}    what was in ${from.name} is as it was: remove it when all is well`,
        ]
      : [
          `what is in ${to.name} is not what was in ${from.name}: ${countInWords(actual.keys, 'key')} of ${expected.keys}, ` +
            'and the checksums differ. Go on with the old store, empty the new one, and try again.',
        ],
  );
  return isSame ? exitCodes.ok : exitCodes.failed;
}

function placeOf(
  text: string,
  context: ToolContext,
  dataDir: string,
  flags: MigrateFlags,
  log: Logger,
): Place {
  if (text === 'embedded') return embeddedPlace(context, dataDir);
  const urls = /^etcd=(.+)$/.exec(text)?.[1];
  if (urls === undefined) throw new UsageError(`'${text}' is neither 'embedded' nor 'etcd=URL[,URL]'`);
  const options = { ...readEtcdFlags(flags, urls.split(',')), log };
  return etcdPlace(context, options);
}

function embeddedPlace({ output, signal, nowMs }: ToolContext, dataDir: string): Place {
  return {
    name: dataDir,
    read: async () => {
      const { openDirContents } = await loadEmbeddedTools();
      const onProgress = progressOf(output, 'read', nowMs);
      const { revision, records, close } = await openDirContents(dataDir, { signal, onProgress });
      return { revision, records: () => records, close };
    },
    fill: async (afterRevision, records) => {
      const { fillEmptyDir } = await loadEmbeddedTools();
      return (await fillEmptyDir(dataDir, async () => afterRevision, records, signal)).revision;
    },
  };
}

function etcdPlace(
  { output, signal, nowMs }: ToolContext,
  options: Extract<StoreOptions, { readonly backend: 'etcd' }>,
): Place {
  return {
    name: `etcd at ${options.endpoints.join(', ')}`,
    read: async () => (await loadEtcdTools()).openEtcdContents(options),
    fill: async (afterRevision, records) => {
      const { fillEtcd } = await loadEtcdTools();
      const onProgress = progressOf(output, 'wrote', nowMs);
      return fillEtcd(options, afterRevision, records, { signal, onProgress });
    },
  };
}

/** What is not over by `nowMs`, in the order of the keys. */
async function* moving(contents: Contents, nowMs: number): AsyncGenerator<StoredRecord> {
  let lastKey = '';
  for await (const record of contents.records()) {
    const { key, expiresAtMs = Infinity } = record;
    if (key <= lastKey) throw new StoreError('corrupt', `${key} comes after ${lastKey}`);
    lastKey = key;
    if (!key.startsWith(presenceFolder) && expiresAtMs > nowMs) yield record;
  }
}

/** Counts and hashes what passes: keys, values, and whether they expire. */
class Digest {
  readonly #hash = createHash('sha256');
  #keys = 0;
  #valueBytes = 0;
  #expiring = 0;

  async *over(records: AsyncIterable<StoredRecord>): AsyncGenerator<StoredRecord> {
    for await (const record of records) {
      this.add(record);
      yield record;
    }
  }

  add({ key, value, expiresAtMs }: StoredRecord): void {
    const expires = expiresAtMs !== undefined;
    this.#hash.update(JSON.stringify([key, value.byteLength, expires])).update(value);
    this.#keys++;
    this.#valueBytes += value.byteLength;
    if (expires) this.#expiring++;
  }

  facts(): {
    readonly keys: number;
    readonly valueBytes: number;
    readonly expiring: number;
    readonly sha256: string;
  } {
    return {
      keys: this.#keys,
      valueBytes: this.#valueBytes,
      expiring: this.#expiring,
      sha256: this.#hash.digest('hex'),
    };
  }
}
