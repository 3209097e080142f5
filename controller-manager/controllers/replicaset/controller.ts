/** Keeps as many Pods running as each ReplicaSet asks for. */
import type { ControllerDefinition } from '../../controller-definition.js';
import { createReplicaController } from './create-replica-controller.js';
import { replicaSetKind } from './replica-owner.js';

export const replicaSetController: ControllerDefinition = {
  name: replicaSetKind.name,
  create: (context) => createReplicaController(replicaSetKind, context),
};
