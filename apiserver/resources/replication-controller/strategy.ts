/** ReplicationControllers: the selector is an equality map and defaults to the template's labels. */
import type { ReplicationController } from '../../../api/generated/core-v1.js';
import { replicationControllers } from '../../../api/resources.js';
import { setPodSpecDefaults } from '../pod/defaults.js';
import type { Strategy } from '../strategy.js';
import { validateReplicationController } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

export const replicationControllerStrategy: Strategy<ReplicationController> = {
  definition: replicationControllers,
  warnings: templateWarnings((object) => object.spec.template, 'spec.template'),
  tracksGeneration: true,
  // What the first version of the API did when the client said nothing; kubectl always says something.
  orphansByDefault: true,
  selectableFields: { 'status.replicas': (controller) => String(controller.status.replicas) },
  setDefaults({ metadata, spec }) {
    const labels = spec.template?.metadata.labels;
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    }
    spec.replicas ??= 1;
    if (spec.template !== undefined) setPodSpecDefaults(spec.template.spec);
  },
  prepareForCreate(controller) {
    controller.status = { replicas: 0 };
  },
  validate: validateReplicationController,
};
