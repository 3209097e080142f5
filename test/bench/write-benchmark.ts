/** Where each microsecond of a durable PUT goes, beside what an HTTPS server of Node that does nothing takes. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestApiServer } from '../contract/api-client-server.js';
import type { TestApiServer } from '../contract/api-client-server.js';
import type { LoadResult, LoadTask, RequestPlan } from './http/load-process.js';
import type { RawServerTask } from './http/raw-process.js';
import { TaskProcess } from './http/task-process.js';
import { stageShares } from './http/write-stages.js';
import type { CpuProfile } from './http/write-stages.js';
import { cpuSeconds, threadCpuSeconds } from './process-usage.js';
import type { Section } from './report.js';
import { rounded } from './statistics.js';

const inFlight = 64;
const connections = 4;
const bytes = 2_000;
const pods = '/api/v1/namespaces/default/pods';
const contentType = 'application/json';

type Load = TaskProcess<LoadTask, LoadResult>;

export interface WriteBenchmarkOptions {
  readonly durationMs: number;
  readonly progress: (line: string) => void;
}

export async function benchmarkWrite({ durationMs, progress }: WriteBenchmarkOptions): Promise<Section> {
  const dataDir = mkdtempSync(join(tmpdir(), 'knarr-bench-write-'));
  const profileDir = join(dataDir, 'profile');
  const server = await startTestApiServer(
    { '--storage-backend': 'embedded', '--data-dir': join(dataDir, 'data') },
    ['--cpu-prof', `--cpu-prof-dir=${profileDir}`],
  );
  const load: Load = new TaskProcess(new URL('./http/load-process.js', import.meta.url));
  const raw = new TaskProcess<RawServerTask, number>(new URL('./http/raw-process.js', import.meta.url));
  let isStopped = false;
  try {
    const plan: RequestPlan = {
      method: 'PUT',
      path: `${pods}/bench-{w}`,
      contentType,
      body: podJson('bench-{w}', '{n}'),
    };
    progress('write: warming up');
    for (let worker = 0; worker < inFlight; worker++) {
      const body = podJson(`bench-${worker}`, '0');
      await measure(load, server, { method: 'POST', path: pods, contentType, body }, 0, 1);
    }
    await measure(load, server, plan, durationMs);
    progress('write: a server of raw Node');
    const { certificate: cert, privateKey: key } = server.pki.pair('apiserver');
    const url = `https://127.0.0.1:${await raw.run({ cert, key, ca: server.pki.authority })}`;
    const target = { url, pid: raw.pid, pki: server.pki };
    await measure(load, target, { ...plan, path: `/${bytes}` }, durationMs / 2);
    const floor = await measure(load, target, { ...plan, path: `/${bytes}` }, durationMs);
    progress('write: Knarr');
    const fromUs = monotonicUs();
    const taken = await measure(load, server, plan, durationMs);
    const toUs = monotonicUs();
    await server.stop();
    isStopped = true;
    const shares = stageShares(readProfile(profileDir), fromUs, toUs);
    const rows = [...shares]
      .sort((a, b) => b[1] - a[1])
      .map(([stage, share]) => [stage, rounded(share * taken.mainUs)]);
    return {
      name: 'write',
      columns: ['stage of a PUT', 'µs'],
      rows: [
        ...rows,
        ['other threads: disk, garbage collection, compiler', rounded(taken.cpuUs - taken.mainUs)],
        ['all', rounded(taken.cpuUs)],
        ['raw Node, the same requests', rounded(floor.cpuUs)],
      ],
      notes: [
        `Processor time of the server for each PUT of a pod of ${bytes.toLocaleString('en')} bytes, ${inFlight} in flight on ${connections} connections of HTTP/2 over TLS, ${rounded(taken.perSecond)} a second. The server runs under a CPU profiler, which itself takes a part: stages are to be compared with each other, the whole is told above.`,
      ],
    };
  } finally {
    await load.stop();
    await raw.stop();
    if (!isStopped) await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Taken {
  readonly perSecond: number;
  /** Of all threads, and of the main one, for each request. */
  readonly cpuUs: number;
  readonly mainUs: number;
}

let firstNumber = 0;

async function measure(
  load: Load,
  { url, pid, pki }: Pick<TestApiServer, 'url' | 'pid' | 'pki'>,
  plan: RequestPlan,
  durationMs: number,
  workers = inFlight,
): Promise<Taken> {
  const { certificate: cert, privateKey: key } = pki.pair('scheduler');
  firstNumber += 1_000_000;
  const before = { all: cpuSeconds(pid), main: threadCpuSeconds(pid, pid) };
  const { count, perSecond, statuses } = await load.run({
    kind: 'requests',
    url,
    identity: { ca: pki.authority, cert, key },
    plan,
    connections: Math.min(connections, workers),
    inFlight: workers,
    durationMs,
    firstNumber,
  });
  if (Object.keys(statuses).some((status) => Number(status) >= 300))
    throw new Error(`${plan.method} ${plan.path} was answered ${JSON.stringify(statuses)}`);
  const perRequest = (seconds: number): number => (seconds * 1e6) / count;
  return {
    perSecond,
    cpuUs: perRequest(cpuSeconds(pid) - before.all),
    mainUs: perRequest(threadCpuSeconds(pid, pid) - before.main),
  };
}

/** The clock of V8's profiles. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function readProfile(folder: string): CpuProfile {
  const [file] = readdirSync(folder);
  if (file === undefined) throw new Error(`the server has left no profile in ${folder}`);
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
}

/** About {@link bytes} as it is stored. */
function podJson(name: string, count: string): string {
  const env = [{ name: 'PADDING', value: 'x'.repeat(750) }];
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { count, app: 'bench' } },
    spec: {
      containers: [{ name: 'main', image: 'localhost/knarr/web:1', ports: [{ containerPort: 8080 }], env }],
    },
  });
}
