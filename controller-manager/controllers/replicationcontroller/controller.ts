/** Keeps as many Pods running as each ReplicationController asks for: the older kind, on the core of ReplicaSets. */
import { replicationControllers } from '../../../api/resources.js';
import { nothing, selectorFromSet } from '../../../api/selectors.js';
import type { ReplicationController } from '../../../api/generated/core-v1.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { createReplicaController } from '../replicaset/create-replica-controller.js';
import type { ReplicaOwnerKind } from '../replicaset/replica-owner.js';

const replicationControllerKind: ReplicaOwnerKind<ReplicationController> = {
  resource: replicationControllers,
  name: 'replicationcontroller',
  queueName: 'replicationmanager',
  eventSource: 'replication-controller',
  showsTerminating: false,
  // An empty selector selects nothing here, while for a ReplicaSet it would be everything.
  selectorOf: ({ spec }) =>
    Object.keys(spec.selector ?? {}).length === 0 ? nothing : selectorFromSet(spec.selector ?? {}),
  templateOf: ({ spec }) => spec.template,
  withStatus: (owner, { conditions, replicas, fullyLabeledReplicas, readyReplicas, ...rest }) => ({
    ...owner,
    status: {
      replicas,
      fullyLabeledReplicas,
      readyReplicas,
      availableReplicas: rest.availableReplicas,
      observedGeneration: rest.observedGeneration,
      ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
    },
  }),
};

export const replicationController: ControllerDefinition = {
  name: replicationControllerKind.name,
  create: (context) => createReplicaController(replicationControllerKind, context),
};
