/** ControllerRevisions: what a StatefulSet or DaemonSet looked like once, to go back to. */
import type { ControllerRevision } from '../../../api/generated/apps-v1.js';
import { controllerRevisions } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateControllerRevision, validateControllerRevisionUpdate } from './validation.js';

export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  definition: controllerRevisions,
  validate: validateControllerRevision,
  validateUpdate: validateControllerRevisionUpdate,
};
