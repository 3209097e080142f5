/** DaemonSets: one pod on every node that fits. */
import type { DaemonSet } from '../../../api/generated/apps-v1.js';
import { daemonSets } from '../../../api/resources.js';
import { setPodSpecDefaults } from '../pod/defaults.js';
import type { Strategy } from '../strategy.js';
import { validateDaemonSet, validateDaemonSetStatus, validateDaemonSetUpdate } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

const defaultHistory = 10;

export const daemonSetStrategy: Strategy<DaemonSet> = {
  definition: daemonSets,
  warnings: templateWarnings((object) => object.spec.template, 'spec.template'),
  tracksGeneration: true,
  setDefaults({ spec }) {
    spec.revisionHistoryLimit ??= defaultHistory;
    const update = (spec.updateStrategy ??= {});
    update.type ??= 'RollingUpdate';
    if (update.type === 'RollingUpdate') {
      update.rollingUpdate ??= {};
      update.rollingUpdate.maxUnavailable ??= 1;
      update.rollingUpdate.maxSurge ??= 0;
    }
    setPodSpecDefaults(spec.template.spec);
  },
  prepareForCreate(set) {
    set.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  validateStatusUpdate: validateDaemonSetStatus,
};
