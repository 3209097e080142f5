/**
 * The embedded backend dies at any moment and loses nothing that it acknowledged.
 *
 * `npm test` runs a short version. `node dist/test/contract/store-embedded-crash.test.js 500 7` kills 500 times, with
 * 7 as the seed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { silentLogger as log } from '../../common/log.js';
import { seededRandom } from '../support/seeded-random.js';
import { text } from './store-watching.js';

const writerProgram = fileURLToPath(new URL('./store-embedded-writer.js', import.meta.url));
const rounds = Number(process.argv[2] ?? 6);
const seed = Number(process.argv[3] ?? 1);

t.setTimeout(60_000 + rounds * 20_000);

interface Acknowledgement {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

interface Run {
  readonly acknowledged: readonly Acknowledgement[];
  /** It came to its end before it died. */
  readonly closed: boolean;
}

/** Runs the writer; kills it after `killAfter` acknowledgements, unless it ends or dies before. */
async function write(args: readonly (string | number)[], killAfter = Infinity): Promise<Run> {
  const child = spawn(process.execPath, [writerProgram, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: Acknowledgement[] = [];
  let closed = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'closed') closed = true;
    // The last line may have been cut off.
    else if (line.endsWith('}')) acknowledged.push(JSON.parse(line) as Acknowledgement);
    if (acknowledged.length === killAfter) child.kill('SIGKILL');
  }
  return { acknowledged, closed };
}

function folder(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'knarr-crash-'));
  t.teardown(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });
  return dataDir;
}

/** Remembers what was acknowledged over several runs, and compares it with what is there. */
class Ledger {
  readonly #expected = new Map<string, Acknowledgement>();
  #revision = 0;

  note(acknowledged: readonly Acknowledgement[]): void {
    for (const write of acknowledged) {
      if (write.revision > (this.#expected.get(write.key)?.revision ?? 0))
        this.#expected.set(write.key, write);
    }
  }

  async findLost(dataDir: string): Promise<readonly string[]> {
    const store = await openEmbeddedStore({ backend: 'embedded', dataDir, log });
    const { records, revision } = await store.range({ prefix: '/registry/' });
    await store.close();
    const found = new Map(records.map((record) => [record.key, record]));
    const lost = [...this.#expected.values()].filter((write) => {
      const record = found.get(write.key);
      // A later write may be durable whose acknowledgement was cut off.
      if (record === undefined || record.modRevision < write.revision) return true;
      return record.modRevision === write.revision && text(record)?.slice(0, 40) !== write.value.slice(0, 40);
    });
    const words = lost.map((write) => `${write.key} at ${write.revision}`);
    if (revision < this.#revision) words.push(`revision ${this.#revision}: there is only ${revision}`);
    this.#revision = revision;
    return words;
  }
}

void t.test(`kill -9 at ${rounds} moments, seed ${seed}`, async (t) => {
  const dataDir = folder();
  const random = seededRandom(seed);
  const ledger = new Ledger();
  for (let round = 0; round < rounds; round++) {
    const killAfter = 1 + Math.floor(random() * 600);
    const { acknowledged } = await write([dataDir, round], killAfter);
    t.ok(acknowledged.length >= killAfter, `round ${round}: ${acknowledged.length} acknowledged`);
    ledger.note(acknowledged);
    t.same(await ledger.findLost(dataDir), []);
  }
});

// Each change of a file is a step: writes, reserved room given back, snapshots renamed into place, logs removed.
void t.test('a crash at each step of writing, compaction and closing', async (t) => {
  const writes = 140;
  const { closed } = await write([folder(), 0, writes]);
  t.ok(closed);
  const random = seededRandom(seed);
  let steps = 0;
  for (let step = 1; ; step += rounds > 6 ? 1 : 1 + Math.floor(random() * 6)) {
    const dataDir = folder();
    const ledger = new Ledger();
    const { acknowledged, closed } = await write([dataDir, 0, writes, random() < 0.5 ? step : -step]);
    if (closed) break;
    steps++;
    ledger.note(acknowledged);
    const lost = await ledger.findLost(dataDir);
    if (lost.length > 0) t.fail(`step ${step} lost something`, { lost });
    // The next process finds its way, and may die of the same.
    ledger.note((await write([dataDir, 1, 20])).acknowledged);
    const lostLater = await ledger.findLost(dataDir);
    if (lostLater.length > 0) t.fail(`after step ${step} something was lost`, { lost: lostLater });
  }
  t.ok(steps > 8, `${steps} crashes`);
});
