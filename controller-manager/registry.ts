/** Every controller of the controller manager, one line each. Each runs alone: none needs another to be there. */
import type { ControllerDefinition } from './controller-definition.js';

export const controllerDefinitions: readonly ControllerDefinition[] = [];
