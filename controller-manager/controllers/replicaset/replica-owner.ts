/**
 * What ReplicaSet and ReplicationController have in common, and where they differ.
 *
 * Everything in this folder works on either kind through a {@link ReplicaOwnerKind}.
 */
import type { ReplicaSet } from '../../../api/generated/apps-v1.js';
import type { Pod, PodTemplateSpec, ReplicationController } from '../../../api/generated/core-v1.js';
import { replicaSets } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { selectorFromObject } from '../../../api/selectors.js';
import type { LabelSelector } from '../../../api/selectors.js';

export type ReplicaOwner = ReplicaSet | ReplicationController;

export interface ReplicaOwnerKind<T extends ReplicaOwner> {
  readonly resource: ResourceDefinition<T>;
  /** The name of the controller: in `--controllers` and in logs. */
  readonly name: string;
  /** In metrics, where Kubernetes' queue has another name. */
  readonly queueName?: string;
  /** Where its Events come from. */
  readonly eventSource: string;
  selectorOf(owner: T): LabelSelector;
  templateOf(owner: T): PodTemplateSpec | undefined;
  /** Whether the kind's status has `terminatingReplicas`. */
  readonly showsTerminating: boolean;
  /** The owner with this status; fields that the kind does not have are left out. */
  withStatus(owner: T, status: ReplicaStatus): T;
}

/** The status of both kinds. */
export interface ReplicaStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  /** Only ReplicaSets show it. */
  readonly terminatingReplicas: number;
  readonly observedGeneration: number;
  readonly conditions: readonly ReplicaCondition[];
}

export interface ReplicaCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export const replicaSetKind: ReplicaOwnerKind<ReplicaSet> = {
  resource: replicaSets,
  name: 'replicaset',
  eventSource: 'replicaset-controller',
  showsTerminating: true,
  selectorOf: (owner) => selectorFromObject(owner.spec.selector),
  templateOf: (owner) => owner.spec.template,
  withStatus: (owner, { conditions, ...counts }) => ({
    ...owner,
    status: { ...counts, ...(conditions.length === 0 ? {} : { conditions: [...conditions] }) },
  }),
};

export function desiredReplicas(owner: ReplicaOwner): number {
  return owner.spec.replicas ?? 1;
}

/** A Pod and why it counts for an owner. */
export interface OwnedPods {
  /** All that belong to the owner, whatever their state. */
  readonly all: readonly Pod[];
  /** Those that count as replicas. */
  readonly active: readonly Pod[];
}
