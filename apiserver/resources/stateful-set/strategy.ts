/** StatefulSets: pods with names and volumes of their own, one after the other. */
import type { StatefulSet } from '../../../api/generated/apps-v1.js';
import { statefulSets } from '../../../api/resources.js';
import { setClaimDefaults } from '../persistent-volume-claim/defaults.js';
import { setPodSpecDefaults } from '../pod/defaults.js';
import type { Strategy } from '../strategy.js';
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

const defaultHistory = 10;

export const statefulSetStrategy: Strategy<StatefulSet> = {
  definition: statefulSets,
  warnings: templateWarnings((object) => object.spec.template, 'spec.template'),
  tracksGeneration: true,
  setDefaults({ spec }) {
    spec.replicas ??= 1;
    spec.podManagementPolicy ??= 'OrderedReady';
    spec.revisionHistoryLimit ??= defaultHistory;
    const update = (spec.updateStrategy ??= {});
    update.type ??= 'RollingUpdate';
    if (update.type === 'RollingUpdate') {
      update.rollingUpdate ??= {};
      update.rollingUpdate.partition ??= 0;
    }
    const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {});
    retention.whenDeleted ??= 'Retain';
    retention.whenScaled ??= 'Retain';
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1';
      claim.kind = 'PersistentVolumeClaim';
      setClaimDefaults(claim);
    }
    setPodSpecDefaults(spec.template.spec);
  },
  prepareForCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  validateStatusUpdate: validateStatefulSetStatus,
};
