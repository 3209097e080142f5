/** Pods and nodes for tests, with only what the test is about spelt out. */
import { randomUUID } from 'node:crypto';
import type { Node, NodeCondition, Pod, PodSpec, PodStatus, Taint } from '../../api/generated/core-v1.js';
import type { OwnerReference } from '../../api/generated/meta-v1.js';
import {
  encodeDevicesAnnotation,
  startupDevicesAnnotation,
  startupSaturatedCondition,
} from '../../api/startup-report.js';
import type { DeviceSummary } from '../../api/startup-report.js';

export interface PodOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly image?: string;
  readonly requests?: Record<string, string>;
  readonly hostPorts?: readonly number[];
  readonly spec?: Partial<PodSpec>;
  readonly status?: PodStatus;
  readonly annotations?: Record<string, string>;
  readonly ownerReferences?: OwnerReference[];
}

export function makePod(options: PodOptions): Pod {
  const { name, namespace = 'default', labels, requests, hostPorts = [] } = options;
  const { annotations, ownerReferences } = options;
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
      ...(annotations === undefined ? {} : { annotations }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
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
  /** What the node tells of its starts; default: nothing. */
  readonly startup?: readonly DeviceSummary[];
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
      ...(options.startup === undefined
        ? {}
        : { annotations: { [startupDevicesAnnotation]: encodeDevicesAnnotation(options.startup) } }),
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
      ...(options.startup === undefined ? {} : { conditions: [saturatedCondition(options.startup)] }),
      images: Object.entries(options.images ?? {}).map(([name, sizeBytes]) => ({ names: [name], sizeBytes })),
    },
  };
}

function saturatedCondition(devices: readonly DeviceSummary[]): NodeCondition {
  const isSaturated = devices.some((device) => device.isSaturated);
  return { type: startupSaturatedCondition, status: isSaturated ? 'True' : 'False' };
}

/** A device as a node tells of it, with `limit` slots. */
export function makeDevice(limit: number, device: Partial<DeviceSummary> = {}): DeviceSummary {
  return { key: '8:0', limit, held: 0, queued: 0, saturation: 0, isSaturated: false, ...device };
}
