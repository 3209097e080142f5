import type { Deployment } from '../../../api/generated/apps-v1.js';
import { deployments } from '../../../api/resources.js';
import { setPodSpecDefaults } from '../pod/defaults.js';
import type { Strategy } from '../strategy.js';
import { validateDeployment, validateDeploymentUpdate } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

const defaultShare = '25%';
const defaultHistory = 10;
const defaultDeadlineSeconds = 600;

export const deploymentStrategy: Strategy<Deployment> = {
  definition: deployments,
  warnings: templateWarnings((object) => object.spec.template, 'spec.template'),
  tracksGeneration: true,
  setDefaults({ spec }) {
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= defaultHistory;
    spec.progressDeadlineSeconds ??= defaultDeadlineSeconds;
    spec.strategy ??= {};
    spec.strategy.type ??= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= defaultShare;
      spec.strategy.rollingUpdate.maxSurge ??= defaultShare;
    }
    setPodSpecDefaults(spec.template.spec);
  },
  prepareForCreate(deployment) {
    deployment.status = {};
  },
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
};
