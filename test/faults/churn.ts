/**
 * Pods of all sorts are created and deleted again and again on a real node. Afterwards nothing of them is left: no
 * process, mount, device, address, cgroup or folder; and the processes of Knarr hold no more files and memory than
 * before.
 */
import type { TestCluster } from '../support/cluster.js';
import type { Kubectl } from '../support/kubectl.js';
import type { NodeCensus } from '../support/node-census.js';
import { leftBehind, openFiles, takeCensus } from '../support/node-census.js';
import { until } from '../support/until.js';
import { heldAfterCollection } from '../support/heap-usage.js';
import { proportionalBytes } from '../bench/process-usage.js';
import { churnPods } from './churn-pods.js';

export interface ChurnOptions {
  readonly cluster: TestCluster;
  /** How many pods are there at a time. */
  readonly pods: number;
  /** Whether another round is to begin, asked before each. */
  readonly goesOn: (round: number) => boolean;
  /** Let Knarr's processes collect their garbage after each round, to tell what they hold from what they let lie. */
  readonly collectsGarbage?: boolean;
  /** Called after each round, with the processes at rest. */
  readonly afterRound?: (round: number) => Promise<void>;
  readonly progress: (line: string) => void;
}

/** One process after a round. */
export interface Held {
  readonly openFiles: number;
  /** As the kernel counts it: garbage that has not been collected is in it. */
  readonly memoryBytes: number;
  /** Objects and buffers that are left after a collection; undefined where none was asked for, or none is possible. */
  readonly objectBytes: number | undefined;
}

export interface ChurnResult {
  readonly rounds: number;
  readonly pods: number;
  /** What is there although no pod is, as sentences. */
  readonly leftBehind: readonly string[];
  /** By the name of the process, one for each round. */
  readonly held: ReadonlyMap<string, readonly Held[]>;
}

const watched = ['kubelet', 'containerd', 'cni', 'apiserver', 'proxy', 'controller-manager', 'scheduler'];
const patienceMs = 180_000;
const namespace = 'churn';

export async function churn(options: ChurnOptions): Promise<ChurnResult> {
  const { cluster, pods, goesOn, progress, collectsGarbage = false } = options;
  const kubectl = await cluster.kubectl('v1.35');
  const held = new Map<string, Held[]>(watched.map((name) => [name, []]));
  await kubectl.run(['create', 'namespace', namespace]);
  await kubectl.run(['create', 'configmap', 'settings', '--from-literal=a=1', `--namespace=${namespace}`]);
  // The first pods of a node leave what is made once: cgroups of the QoS classes, the files of the address range.
  await oneRound(kubectl, pods, 'first');
  const before = await takeCensus(cluster);
  let rounds = 0;
  while (goesOn(rounds)) {
    await oneRound(kubectl, pods, String(rounds));
    rounds++;
    await until(`nothing is left of round ${rounds}`, () => isClean(cluster, before), patienceMs).catch(
      () => undefined,
    );
    for (const name of watched) held.get(name)?.push(await heldBy(cluster, name, collectsGarbage));
    await options.afterRound?.(rounds);
    const left = leftBehind(before, await takeCensus(cluster));
    progress(`round ${rounds}: ${left.length === 0 ? 'nothing left' : `left: ${left.join(', ')}`}`);
    if (left.length > 0) break;
  }
  const left = leftBehind(before, await takeCensus(cluster));
  return { rounds, pods: rounds * pods, leftBehind: left, held };
}

/** Creates the pods, waits until each is as it is to be, and deletes them all. */
async function oneRound(kubectl: Kubectl, count: number, round: string): Promise<void> {
  const manifests = churnPods(count, namespace, round);
  await kubectl.run(['apply', '-f', '-'], { input: JSON.stringify(listOf(manifests)) });
  await until(
    'every pod has come as far as it can',
    async () => {
      const { items } = await kubectl.json<{ items: readonly unknown[] }>([
        'get',
        'pods',
        `--namespace=${namespace}`,
      ]);
      return items.length === manifests.length && items.every((pod) => hasArrived(pod as ChurnedPod));
    },
    patienceMs,
  );
  await kubectl.run(['delete', 'pods', '--all', `--namespace=${namespace}`, '--wait=true'], {
    timeoutMs: patienceMs,
  });
}

function listOf(items: readonly unknown[]): unknown {
  return { apiVersion: 'v1', kind: 'List', items };
}

interface ChurnedPod {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly status: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly state?: { readonly waiting?: { readonly reason?: string } };
    }[];
  };
}

/** The label `ends` of a pod says how far it is to come. */
function hasArrived({ metadata, status }: ChurnedPod): boolean {
  const statuses = status.containerStatuses ?? [];
  switch (metadata.labels?.['ends']) {
    case 'crashing':
      return statuses.some(({ restartCount }) => restartCount > 0);
    case 'without-image':
      return statuses.some(({ state }) => /Image/.test(state?.waiting?.reason ?? ''));
    case 'done':
      return status.phase === 'Succeeded';
    case undefined:
    default:
      return status.phase === 'Running';
  }
}

async function isClean(cluster: TestCluster, before: NodeCensus): Promise<boolean> {
  return leftBehind(before, await takeCensus(cluster)).length === 0;
}

async function heldBy(cluster: TestCluster, name: string, collectsGarbage: boolean): Promise<Held> {
  const pid = await cluster.pidOf(name);
  const memoryBytes = proportionalBytes(pid);
  const isOurs = name !== 'containerd';
  const left = collectsGarbage && isOurs ? await heldAfterCollection(pid) : undefined;
  const objectBytes = left === undefined ? undefined : left.heapBytes + left.externalBytes;
  return { openFiles: openFiles(pid), memoryBytes, objectBytes };
}

/** By how much the last third of the rounds holds more than the second: the first is for warming up. */
export function growth(values: readonly number[]): number {
  const third = Math.floor(values.length / 3);
  const mean = (part: readonly number[]): number => part.reduce((sum, one) => sum + one, 0) / part.length;
  return mean(values.slice(-third)) / mean(values.slice(third, -third));
}
