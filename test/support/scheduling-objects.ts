/** Pods and nodes for tests, with only what the test is about spelt out. */
import { randomUUID } from 'node:crypto';
import type { Node, Pod, PodSpec, PodStatus, Taint } from '../../api/generated/core-v1.js';

export interface PodOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly image?: string;
  readonly requests?: Record<string, string>;
  readonly hostPorts?: readonly number[];
  readonly spec?: Partial<PodSpec>;
  readonly status?: PodStatus;
}

export function makePod(options: PodOptions): Pod {
  const { name, namespace = 'default', labels, requests, hostPorts = [] } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: randomUUID(),
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(labels === undefined ? {} : { labels }),
    },
    spec: {
      containers: [
        {
          name: 'main',
          image: options.image ?? 'localhost/web:1',
          ...(requests === undefined ? {} : { resources: { requests } }),
          ...(hostPorts.length === 0
            ? {}
            : { ports: hostPorts.map((port) => ({ containerPort: port, hostPort: port })) }),
        },
      ],
      schedulerName: 'default-scheduler',
      ...options.spec,
    },
    status: options.status ?? { phase: 'Pending' },
  };
}

export interface NodeOptions {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly taints?: Taint[];
  readonly unschedulable?: boolean;
  /** Default: 2 cpus, 4Gi, 110 pods. */
  readonly allocatable?: Record<string, string>;
  /** Bytes by image name. */
  readonly images?: Readonly<Record<string, number>>;
}

export function makeNode(options: NodeOptions): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: options.name,
      uid: randomUUID(),
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: options.labels ?? {},
    },
    spec: {
      ...(options.taints === undefined ? {} : { taints: options.taints }),
      ...(options.unschedulable === undefined ? {} : { unschedulable: options.unschedulable }),
    },
    status: {
      allocatable: options.allocatable ?? {
        cpu: '2',
        memory: '4Gi',
        pods: '110',
        'ephemeral-storage': '10Gi',
      },
      images: Object.entries(options.images ?? {}).map(([name, sizeBytes]) => ({ names: [name], sizeBytes })),
    },
  };
}
