/**
 * What the API server holds and how it lists it: pods by the thousand in the embedded store, read by a server that starts
 * on them; and a list of them beside etcd's own range of the same values by a bare gRPC client.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import type { TestApiServer } from '../contract/api-client-server.js';
import { startTestApiServer } from '../contract/api-client-server.js';
import { startEtcd } from '../support/etcd.js';
import type { LoadResult, LoadTask } from './http/load-process.js';
import type { RawServerTask } from './http/raw-process.js';
import { TaskProcess } from './http/task-process.js';
import { cpuSeconds, proportionalBytes } from './process-usage.js';
import { rawEtcd } from './raw-etcd.js';
import type { Section } from './report.js';
import { median, rounded } from './statistics.js';

const objectBytes = 2_000;
const listed = 10_000;
const rounds = 5;
const listRounds = 9;
const warmUps = 20;
const mebibyte = 1024 * 1024;

type Load = TaskProcess<LoadTask, LoadResult>;

export interface CapacityOptions {
  /** The larger of the two sizes. */
  readonly objects: number;
  readonly progress: (line: string) => void;
}

export async function benchmarkCapacity({ objects, progress }: CapacityOptions): Promise<readonly Section[]> {
  const empty = await holdPods(0, progress);
  const few = await holdPods(listed, progress);
  const many = await holdPods(objects, progress);
  const row = (held: Held): string[] => [
    held.objects.toLocaleString('en'),
    rounded(held.startSeconds),
    rounded(held.memoryBytes / mebibyte),
    held.objects === 0 ? '-' : rounded((held.memoryBytes - empty.memoryBytes) / held.objects / 1000),
    rounded(held.listSeconds),
    rounded(held.listBytes / mebibyte),
  ];
  return [
    {
      name: 'capacity',
      columns: ['pods of 2 KB', 'start, s', 'PSS, MiB', 'KB a pod', 'LIST, s', 'LIST, MiB'],
      rows: [empty, few, many].map(row),
      notes: [
        `The embedded store holds the pods; the start is that of the process until it is ready. Memory is measured after the start, before anybody has asked; a pod's share is what it adds to an empty server. LIST is one whole list as JSON by one client, median of ${rounds}.`,
      ],
    },
    await benchmarkList(progress),
  ];
}

interface Held {
  readonly objects: number;
  readonly startSeconds: number;
  readonly memoryBytes: number;
  readonly listSeconds: number;
  readonly listBytes: number;
}

async function holdPods(objects: number, progress: (line: string) => void): Promise<Held> {
  progress(`capacity: ${objects} pods`);
  const folder = await mkdtemp(join(tmpdir(), 'knarr-bench-capacity-'));
  await fillStore(folder, objects);
  const server = await startOn(folder);
  const load = newLoad();
  try {
    const startMs = performance.now();
    await server.restart();
    const startSeconds = (performance.now() - startMs) / 1000;
    const memoryBytes = proportionalBytes(server.pid);
    const lists: LoadResult[] = [];
    // The first list pays for code that has not run before.
    await load.run(listTask(server));
    for (let round = 0; round < rounds; round++) lists.push(await load.run(listTask(server)));
    return {
      objects,
      startSeconds,
      memoryBytes,
      listSeconds: median(lists.map(({ p50Ms }) => p50Ms)) / 1000,
      listBytes: lists[0]?.bytes ?? 0,
    };
  } finally {
    await load.stop();
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

/** A server of lists, and what its lists took. */
interface Lister {
  readonly name: string;
  readonly pid: number;
  readonly task: LoadTask;
  readonly times: number[];
  cpuSeconds: number;
}

/** The same values in Knarr and in etcd, read whole by one client, in turn; and what others see of it. */
async function benchmarkList(progress: (line: string) => void): Promise<Section> {
  const etcd = await startEtcd();
  const raw = rawEtcd(etcd.endpoint);
  const folder = await mkdtemp(join(tmpdir(), 'knarr-bench-list-'));
  await fillStore(folder, listed);
  const server = await startOn(folder);
  const node: TaskProcess<RawServerTask, number> = new TaskProcess(
    new URL('./http/raw-process.js', import.meta.url),
  );
  const load = newLoad();
  const quiet = newLoad();
  try {
    const copy = await openStore({ backend: 'etcd', endpoints: [etcd.endpoint], log });
    await createPods(copy, listed);
    await copy.close();
    const listers = await startListers(server, node, load);
    const etcdTimes: number[] = [];
    const gets: number[] = [];
    await raw.range('/registry/pods/', '/registry/pods0');
    for (let round = 0; round < listRounds; round++) {
      progress(`list: round ${round + 1} of ${listRounds}`);
      const pace = quiet.run(getTask(server));
      // Who is first shares the moment with the other client's connection.
      const first = round % listers.length;
      for (const lister of [...listers.slice(first), ...listers.slice(0, first)]) {
        const before = cpuSeconds(lister.pid);
        lister.times.push((await load.run(lister.task)).p50Ms);
        lister.cpuSeconds += cpuSeconds(lister.pid) - before;
      }
      gets.push((await pace).p99Ms);
      const startMs = performance.now();
      const records = await raw.range('/registry/pods/', '/registry/pods0');
      etcdTimes.push(performance.now() - startMs);
      if (records !== listed) throw new Error(`etcd holds ${records} pods instead of ${listed}`);
    }
    const etcdMs = median(etcdTimes);
    return {
      name: 'list',
      columns: ['a list of 10,000 pods', 'ms', 'server CPU ms', '× etcd'],
      rows: [
        ...listers.map(({ name, times, cpuSeconds: seconds }) => [
          name,
          rounded(median(times)),
          rounded((seconds / listRounds) * 1000),
          rounded(etcdMs / median(times)),
        ]),
        ['etcd, range by grpc-js', rounded(etcdMs), '', rounded(1)],
      ],
      notes: [
        `Medians of ${listRounds}, in turn, in the same minutes, after ${warmUps} of each that are not counted. Meanwhile another client asked Knarr for one pod every 5 ms: its p99 was ${rounded(median(gets))} ms, and what its requests took is in the server's CPU. Raw Node is an HTTPS server that sends as many bytes as the list in JSON has, from memory. etcd's range is read and decoded by a bare client on grpc-js, on the loopback without TLS.`,
      ],
    };
  } finally {
    await quiet.stop();
    await load.stop();
    await node.stop();
    await server.stop();
    await raw.close();
    await etcd.stop();
    await rm(folder, { recursive: true });
  }
}

/** Lists some times from each: the first pay for code that has not run before, and for what is made once. */
async function startListers(
  server: TestApiServer,
  node: TaskProcess<RawServerTask, number>,
  load: Load,
): Promise<readonly Lister[]> {
  const { certificate: cert, privateKey: key } = server.pki.pair('apiserver');
  const port = await node.run({ cert, key, ca: server.pki.authority });
  const lister = async (name: string, pid: number, task: LoadTask): Promise<Lister> => {
    for (let i = 0; i < warmUps; i++) await load.run(task);
    return { name, pid, task, times: [], cpuSeconds: 0 };
  };
  const { bytes } = await load.run(listTask(server));
  const ofConstant = {
    ...listTask(server),
    url: `https://127.0.0.1:${port}`,
    plan: { method: 'GET', path: `/${bytes}` },
  } as LoadTask;
  const protobuf = 'application/vnd.kubernetes.protobuf';
  return [
    await lister('Knarr over HTTPS, JSON', server.pid, listTask(server)),
    await lister('Knarr over HTTPS, protobuf', server.pid, listTask(server, protobuf)),
    await lister('raw Node over HTTPS', node.pid, ofConstant),
  ];
}

function startOn(dataDir: string): Promise<TestApiServer> {
  return startTestApiServer({ '--storage-backend': 'embedded', '--data-dir': dataDir });
}

function newLoad(): Load {
  return new TaskProcess(new URL('./http/load-process.js', import.meta.url));
}

function identityOf(server: TestApiServer): LoadTask['identity'] {
  const { certificate: cert, privateKey: key } = server.pki.pair('admin');
  return { ca: server.pki.authority, cert, key };
}

function listTask(server: TestApiServer, accept = 'application/json'): LoadTask {
  return {
    kind: 'requests',
    url: server.url,
    identity: identityOf(server),
    plan: { method: 'GET', path: '/api/v1/pods', accept },
    connections: 1,
    inFlight: 1,
    durationMs: 0.001,
    firstNumber: 0,
  };
}

function getTask(server: TestApiServer): LoadTask {
  return {
    ...listTask(server),
    kind: 'requests',
    plan: { method: 'GET', path: '/api/v1/namespaces/ns0/pods/pod-000000' },
    durationMs: 1_000,
    paceMs: 5,
  } as LoadTask;
}

async function fillStore(dataDir: string, objects: number): Promise<void> {
  const store = await openStore({ backend: 'embedded', dataDir, log });
  await createPods(store, objects);
  await store.close();
}

async function createPods(store: Store, objects: number): Promise<void> {
  const atOnce = 500;
  for (let first = 0; first < objects; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, objects - first) }, (_, i) => first + i);
    await Promise.all(
      numbers.map((number) => {
        const { namespace, name } = podName(number);
        return store.create(`/registry/pods/${namespace}/${name}`, Buffer.from(podJson(number)));
      }),
    );
  }
}

function podName(number: number): { namespace: string; name: string } {
  return { namespace: `ns${number % 10}`, name: `pod-${String(number).padStart(6, '0')}` };
}

/** A running pod as the server stores it, filled up to the size that is measured. */
function podJson(number: number): string {
  const { namespace, name } = podName(number);
  const container = {
    name: 'main',
    image: 'localhost/web:1',
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  };
  const pod = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace,
      uid: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: `app-${number % 50}` },
      annotations: { filling: '' },
    },
    spec: { containers: [container], nodeName: `node-${number % 100}`, restartPolicy: 'Always' },
    status: { phase: 'Running', podIP: '10.244.0.1', qosClass: 'BestEffort' },
  };
  pod.metadata.annotations.filling = 'x'.repeat(Math.max(0, objectBytes - JSON.stringify(pod).length));
  return JSON.stringify(pod);
}
