/** Jobs: pods that run until enough of them have succeeded. */
import type { Job } from '../../../api/generated/batch-v1.js';
import { jobs } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { generateSelector, setJobDefaults } from './defaults.js';
import { validateJobUpdate } from './update-validation.js';
import { validateJob, validateJobStatus } from './validation.js';
import { templateWarnings } from '../pod/template-warnings.js';

export const jobStrategy: Strategy<Job> = {
  definition: jobs,
  warnings: templateWarnings((object) => object.spec.template, 'spec.template'),
  tracksGeneration: true,
  // Pods of a Job were kept by the first version of the API; kubectl always says what it wants.
  orphansByDefault: true,
  selectableFields: { 'status.successful': ({ status }) => String(status.succeeded ?? 0) },
  setDefaults: setJobDefaults,
  prepareForCreate(job) {
    job.status = {};
    generateSelector(job);
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatus,
};
