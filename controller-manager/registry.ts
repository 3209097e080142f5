/** Every controller of the controller manager, one line each. Each runs alone: none needs another to be there. */
import type { ControllerDefinition } from './controller-definition.js';
import { deploymentController } from './controllers/deployment/controller.js';
import { endpointSliceController } from './controllers/endpointslice/controller.js';
import { endpointsController } from './controllers/endpoints/controller.js';
import { ephemeralVolumes } from './controllers/ephemeral-volume/controller.js';
import { garbageCollector } from './controllers/garbage-collector/controller.js';
import { podGarbageCollector } from './controllers/garbage-collector/pod-gc.js';
import { namespaceController } from './controllers/namespace/controller.js';
import { nodeIpam } from './controllers/node-ipam/controller.js';
import { nodeLifecycle } from './controllers/node-lifecycle/controller.js';
import { persistentVolumeBinder } from './controllers/persistentvolume-binder/controller.js';
import { replicaSetController } from './controllers/replicaset/controller.js';
import { replicationController } from './controllers/replicationcontroller/controller.js';
import { rootCa } from './controllers/root-ca/controller.js';
import { serviceAccount } from './controllers/serviceaccount/controller.js';
import { claimProtectionController } from './controllers/storage-protection/claim-protection.js';
import { volumeProtectionController } from './controllers/storage-protection/volume-protection.js';

export const controllerDefinitions: readonly ControllerDefinition[] = [
  nodeIpam,
  nodeLifecycle,
  namespaceController,
  serviceAccount,
  rootCa,
  deploymentController,
  replicaSetController,
  replicationController,
  endpointsController,
  endpointSliceController,
  garbageCollector,
  podGarbageCollector,
  persistentVolumeBinder,
  claimProtectionController,
  volumeProtectionController,
  ephemeralVolumes,
];
