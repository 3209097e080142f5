/** Many rounds on one setup, in one namespace whose state goes on from round to round. */
import { copyFileSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeHistory } from '../support/history/history-file.js';
import type { Violation } from '../support/history/history.js';
import { until } from '../support/until.js';
import type { Counts } from './client.js';
import { Recorder } from './recorder.js';
import { runRound } from './round.js';
import type { Pace } from './round.js';
import type { Setup } from './setup.js';
import { revisionOf } from './config-maps.js';
import { http2Transport } from './transport.js';
import type { Identity } from './transport.js';
import { Workload } from './workload.js';

const startDeadlineMs = 120_000;

export interface SoakOptions {
  readonly setup: Setup;
  readonly seed: number;
  readonly firstRound: number;
  readonly rounds: number;
  readonly pace: Pace;
  /** Of the setup's faults, those that are wanted. */
  readonly wants: (fault: string) => boolean;
  readonly progress: (line: string) => void;
  /** Where histories of rounds with violations are kept. */
  readonly keptIn: string;
  /** Stops after the round that is under way. */
  readonly signal: AbortSignal;
}

export interface SoakResult {
  readonly rounds: number;
  readonly counts: Counts;
  /** Rounds in which each fault happened. */
  readonly faults: Counts;
  readonly violations: readonly (Violation & { readonly round: number })[];
  /** The histories of rounds that had violations; the logs are beside them. */
  readonly kept: readonly string[];
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { setup, seed, firstRound, rounds, pace, progress, signal } = options;
  const counts: Counts = new Map();
  const faults: Counts = new Map();
  const violations: (Violation & { round: number })[] = [];
  const kept: string[] = [];
  const recorder = new Recorder();
  const unexpected: string[] = [];
  const namespace = `faults-${seed}`;
  recorder.begin(await createNamespace(setup, namespace));
  const workload = new Workload({
    ...{ seed, servers: setup.servers, namespace, recorder, counts, unexpected },
  });
  const wanted = setup.faults.filter(({ name }) => options.wants(name));
  let done = 0;
  try {
    for (let round = firstRound; round < firstRound + rounds && !signal.aborted; round++) {
      const startMs = performance.now();
      const result = await runRound({
        round,
        seed,
        pace,
        faults: wanted,
        workload,
        recorder,
        unexpected,
        ends: () => setup.ends(),
      }).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
      if (result instanceof Error) {
        violations.push({ round, rule: 'everything comes back', detail: result.message });
        const folder = keep(options, round, () => undefined);
        progress(`round ${round}  ${result.stack ?? result.message}\n    the logs are kept in ${folder}`);
        break;
      }
      for (const name of result.faults) faults.set(name, (faults.get(name) ?? 0) + 1);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      const { operations, watches } = result.history;
      progress(
        `round ${round}  ${result.faults.join(' + ')}  ${operations.length} operations, ${watches.length} watches, ` +
          `${result.violations.length === 0 ? 'all rules hold' : `${result.violations.length} VIOLATIONS`}  ${seconds} s`,
      );
      done++;
      if (result.violations.length === 0) continue;
      violations.push(...result.violations.map((one) => ({ ...one, round })));
      for (const { rule, detail } of result.violations.slice(0, 10)) progress(`    ${rule}: ${detail}`);
      const folder = keep(options, round, (file) => {
        writeHistory(file, result.history);
      });
      kept.push(join(folder, 'history.json'));
      progress(`    kept in ${folder}`);
    }
  } finally {
    await workload.stop();
  }
  return { rounds: done, counts, faults, violations, kept };
}

/** The revision at which it was there and empty. */
async function createNamespace(setup: Setup, name: string): Promise<number> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  const created = async (identity: Identity, method: string, path: string): Promise<number | undefined> => {
    const transport = http2Transport(identity);
    const reply = await transport.send({ method, path, ...(method === 'POST' ? { body } : {}) }, 3_000);
    transport.close();
    if (reply.kind !== 'answered') return undefined;
    // An earlier attempt was too slow to be answered.
    if (reply.status === 409) return created(identity, 'GET', `${path}/${name}`);
    return [200, 201].includes(reply.status) ? revisionOf(reply.json) : undefined;
  };
  const [first] = setup.servers;
  if (first === undefined) throw new Error('the setup has no server');
  const revision = await until(
    'the server makes a namespace',
    () => created(first, 'POST', '/api/v1/namespaces'),
    startDeadlineMs,
  );
  await Promise.all(
    setup.servers.map((server) =>
      until(
        'all servers know the namespace',
        () => created(server, 'GET', `/api/v1/namespaces/${name}`),
        startDeadlineMs,
      ),
    ),
  );
  return revision;
}

function keep({ setup, keptIn }: SoakOptions, round: number, write: (file: string) => void): string {
  const folder = mkdtempSync(join(keptIn, `knarr-soak-${setup.name}-${round}-`));
  write(join(folder, 'history.json'));
  for (const name of readdirSync(setup.logFolder))
    if (name.endsWith('.log')) copyFileSync(join(setup.logFolder, name), join(folder, name));
  return folder;
}
