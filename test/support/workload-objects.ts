/** Pods, ReplicaSets and Deployments for tests, with only what the test is about spelt out. */
import { randomUUID } from 'node:crypto';
import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.js';
import type { Pod, PodTemplateSpec } from '../../api/generated/core-v1.js';
import { controllerReference } from '../../api/objects.js';
import {
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  revisionAnnotation,
} from '../../controller-manager/controllers/deployment/revision-annotations.js';
import { makePod } from './scheduling-objects.js';

export const testNow = Date.UTC(2026, 0, 2);
export const secondsAgo = (seconds: number): string =>
  new Date(testNow - seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

export interface ReplicaPodOptions {
  readonly node?: string;
  readonly phase?: 'Pending' | 'Running' | 'Failed' | 'Succeeded' | 'Unknown';
  /** Seconds since it became ready; absent: it is not. */
  readonly readyFor?: number;
  readonly age?: number;
  readonly restarts?: number;
  readonly deletionCost?: string;
  readonly terminating?: boolean;
  readonly labels?: Record<string, string>;
}

export function makeReplica(name: string, options: ReplicaPodOptions = {}): Pod {
  const { node = 'n1', phase = 'Running', readyFor, age = 1000, restarts = 0, deletionCost } = options;
  const pod = makePod({
    name,
    labels: options.labels ?? { app: 'web' },
    spec: node === '' ? {} : { nodeName: node },
  });
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      uid: name,
      creationTimestamp: secondsAgo(age),
      ...(deletionCost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': deletionCost } }),
      ...(options.terminating === true ? { deletionTimestamp: secondsAgo(0) } : {}),
    },
    status: {
      phase,
      containerStatuses: [{ name: 'main', ready: true, restartCount: restarts, image: '', imageID: '' }],
      conditions: [
        readyFor === undefined
          ? { type: 'Ready', status: 'False' }
          : { type: 'Ready', status: 'True', lastTransitionTime: secondsAgo(readyFor) },
      ],
    },
  };
}

export function makeTemplate(image = 'localhost/web:1'): PodTemplateSpec {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } };
}

export interface DeploymentOptions extends Partial<Omit<Deployment['spec'], 'template'>> {
  readonly image?: string;
  readonly status?: Deployment['status'];
  readonly annotations?: Record<string, string>;
}

export function makeDeployment(options: DeploymentOptions = {}): Deployment {
  const { image, status, annotations, ...spec } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: randomUUID(),
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: secondsAgo(1000),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...spec,
      template: makeTemplate(image),
    },
    status: status ?? {},
  };
}

export interface ReplicaSetOptions {
  readonly name?: string;
  readonly image?: string;
  readonly size: number;
  /** Default: as many as its size. */
  readonly pods?: number;
  /** Default: all that there are. */
  readonly available?: number;
  readonly revision?: number;
  readonly age?: number;
  readonly desired?: number;
  readonly max?: number;
}

export function makeReplicaSet(deployment: Deployment, options: ReplicaSetOptions): ReplicaSet {
  const { image = 'localhost/web:1', size, pods = size, available = pods, revision = 1, age = 100 } = options;
  const template = makeTemplate(image);
  const hash = image.replaceAll(/[^a-z0-9]/g, '');
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: options.name ?? `web-${hash}`,
      namespace: 'default',
      uid: randomUUID(),
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: secondsAgo(age),
      ownerReferences: [controllerReference(deployment)],
      annotations: {
        [revisionAnnotation]: String(revision),
        ...(options.desired === undefined ? {} : { [desiredReplicasAnnotation]: String(options.desired) }),
        ...(options.max === undefined ? {} : { [maxReplicasAnnotation]: String(options.max) }),
      },
    },
    spec: {
      replicas: size,
      selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } },
      template: { ...template, metadata: { labels: { app: 'web', 'pod-template-hash': hash } } },
    },
    status: { replicas: pods, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  };
}
