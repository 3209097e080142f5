/** CronJobs: Jobs by the clock. */
import type { CronJob } from '../../../api/generated/batch-v1.js';
import { cronJobs } from '../../../api/resources.js';
import { setJobTemplateDefaults } from '../job/defaults.js';
import type { Strategy } from '../strategy.js';
import { validateCronJob, validateCronJobName } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

export const cronJobStrategy: Strategy<CronJob> = {
  definition: cronJobs,
  warnings: templateWarnings(({ spec }) => spec.jobTemplate.spec.template, 'spec.jobTemplate.spec.template'),
  validateName: validateCronJobName,
  tracksGeneration: true,
  setDefaults({ spec }) {
    spec.concurrencyPolicy ??= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    setJobTemplateDefaults(spec.jobTemplate.spec);
  },
  prepareForCreate(cronJob) {
    cronJob.status = {};
  },
  validate: validateCronJob,
};
