import type { ReplicaSet } from '../../../api/generated/apps-v1.js';
import { replicaSets } from '../../../api/resources.js';
import { setPodSpecDefaults } from '../pod/defaults.js';
import type { Strategy } from '../strategy.js';
import { validateReplicaSet, validateReplicaSetUpdate } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  definition: replicaSets,
  warnings: templateWarnings((object) => object.spec.template, 'spec.template'),
  tracksGeneration: true,
  selectableFields: { 'status.replicas': (replicaSet) => String(replicaSet.status.replicas) },
  setDefaults({ spec }) {
    spec.replicas ??= 1;
    if (spec.template !== undefined) setPodSpecDefaults(spec.template.spec);
  },
  prepareForCreate(replicaSet) {
    replicaSet.status = { replicas: 0 };
  },
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
};
