import type { CronJob, Job } from '../generated/batch-v1.js';
import { all, define } from './define.js';

export const jobs = define<Job>('batch/v1', 'namespaced', 'Job', {
  plural: 'jobs',
  categories: all,
  subresources: ['status'],
});
export const cronJobs = define<CronJob>('batch/v1', 'namespaced', 'CronJob', {
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: all,
  subresources: ['status'],
});
