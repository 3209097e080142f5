/** Every controller of the controller manager, one line each. Each runs alone: none needs another to be there. */
import type { ControllerDefinition } from './controller-definition.js';
import { endpointSliceController } from './controllers/endpointslice/controller.js';
import { endpointsController } from './controllers/endpoints/controller.js';
import { nodeIpam } from './controllers/node-ipam/controller.js';
import { rootCa } from './controllers/root-ca/controller.js';
import { serviceAccount } from './controllers/serviceaccount/controller.js';

export const controllerDefinitions: readonly ControllerDefinition[] = [
  nodeIpam,
  serviceAccount,
  rootCa,
  endpointsController,
  endpointSliceController,
];
