/**
 * What a pod of a storm does: reads a cold file of its own past the page cache (or copies it and waits until the copy is
 * on the disk), and then serves. It is killed when it does not serve within its deadline, as real programs are. Pure.
 */
import type { Container, Pod } from '../../../api/generated/core-v1.js';
import type { Draft } from '../../../api/objects.js';
import { namespace } from '../pod-watch.js';

export const image = 'localhost/knarr/web:1';
export const mebibyte = 1024 * 1024;

/** So long after the container's start its liveness probe has failed for the third time. */
export const deadlineSeconds = 15;
const failureThreshold = 3;

export interface StormPod {
  readonly name: string;
  /** What it reads before it is ready. */
  readonly megabytes: number;
  /** `copy`: writes as much, too. */
  readonly work: 'read' | 'copy';
  /** Of its liveness probe; {@link deadlineSeconds} unless it says another one. A multiple of three. */
  readonly deadlineSeconds?: number;
  /** Seconds of its own before it touches the disk. */
  readonly delaySeconds: number;
  /** Shell that it runs after its work and before it serves: a pod that needs another one asks for it there. */
  readonly needs?: string;
  /** Never serves, and no probe kills it. */
  readonly isNeverReady?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly priorityClassName?: string;
}

/** Folders of the node. */
export interface StormFolders {
  readonly data: string;
  readonly copies: string;
}

export function stormPods(count: number, how: Partial<StormPod> = {}): StormPod[] {
  return Array.from({ length: count }, (_, number) => ({
    megabytes: 16,
    work: 'read',
    delaySeconds: 0,
    ...how,
    name: `${how.name ?? 'storm'}-${String(number).padStart(3, '0')}`,
  }));
}

/** Bytes that go each way over the disk until all of them are ready. Reads and writes do not share a limit. */
export function bytesOf(pods: readonly StormPod[]): number {
  return pods.reduce((sum, { megabytes }) => sum + megabytes * mebibyte, 0);
}

/** The file that a pod reads is its own by number and size. */
export function dataFileOf({ name, megabytes }: StormPod): string {
  return `${name.replace(/^.*?(\d*)$/, '$1') || name}-${megabytes}`;
}

export function podOf(pod: StormPod, folders: StormFolders): Draft<Pod> {
  const { name, annotations = {}, labels = {}, priorityClassName } = pod;
  const volumes = [
    { name: 'data', hostPath: { path: folders.data } },
    ...(pod.work === 'copy' ? [{ name: 'copies', hostPath: { path: folders.copies } }] : []),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, annotations, labels },
    spec: {
      terminationGracePeriodSeconds: 2,
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      containers: [
        {
          name: 'main',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['/bin/sh', '-c', scriptOf(pod)],
          volumeMounts: volumes.map((volume) => ({ name: volume.name, mountPath: `/${volume.name}` })),
          ...(pod.isNeverReady === true ? neverReady : probesOf(pod.deadlineSeconds ?? deadlineSeconds)),
        },
      ],
      volumes,
    },
  };
}

function probesOf(deadline: number): Partial<Container> {
  const periodSeconds = deadline / failureThreshold;
  return {
    livenessProbe: {
      httpGet: { path: '/', port: 8080 },
      initialDelaySeconds: periodSeconds,
      periodSeconds,
      failureThreshold,
      timeoutSeconds: periodSeconds,
    },
    // By TCP: a second process in each pod each second would be a storm of its own.
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
  };
}

const neverReady = { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } };

/** A shell that ends at once on SIGTERM, whatever its child waits for. */
function scriptOf(pod: StormPod): string {
  const { work, delaySeconds, needs } = pod;
  const file = `/data/${dataFileOf(pod)}`;
  const sink = work === 'copy' ? `of=/copies/${pod.name} conv=fsync` : 'of=/dev/null';
  return [
    'trap "kill \\$child 2>/dev/null; exit 143" TERM',
    'run() { "$@" & child=$!; wait $child; }',
    ...(delaySeconds === 0 ? [] : [`run sleep ${delaySeconds}`]),
    `run dd if=${file} iflag=direct ${sink} bs=128k 2>/dev/null || exit 1`,
    ...(needs === undefined ? [] : [needs]),
    ...(pod.isNeverReady === true
      ? ['while :; do run sleep 3600; done']
      : ['echo ready > /www/index.html', 'run httpd -f -p 8080 -h /www']),
  ].join('\n');
}
