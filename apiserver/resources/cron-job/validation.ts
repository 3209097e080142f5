import { cronScheduleProblem } from '../../../api/cron-schedule.js';
import type { CronJob } from '../../../api/generated/batch-v1.js';
import type { Violations } from '../../../api/field-path.js';
import type { NameCheck } from '../../../api/names.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { checkOneOf } from '../checks.js';
import { validateJobSpec } from '../job/validation.js';
import { validateNonNegative } from '../pod/template.js';

const policies = ['Allow', 'Forbid', 'Replace'];
/** The names of its Jobs are eleven characters longer, and must still fit into a label. */
const maxNameLength = 52;

export const validateCronJobName: NameCheck = (value) => [
  ...validateDns1123Subdomain(value),
  ...(value.length > maxNameLength ? [`must be no more than ${String(maxNameLength)} characters`] : []),
];

export function validateCronJob({ spec }: CronJob, violations: Violations): void {
  validateSchedule(spec.schedule, spec.timeZone, violations);
  if (spec.timeZone !== undefined) validateTimeZone(spec.timeZone, violations);
  for (const field of [
    'startingDeadlineSeconds',
    'successfulJobsHistoryLimit',
    'failedJobsHistoryLimit',
  ] as const)
    validateNonNegative(spec[field], `spec.${field}`, violations);
  checkOneOf(spec.concurrencyPolicy, policies, 'spec.concurrencyPolicy', violations);
  const job = spec.jobTemplate.spec;
  validateJobSpec(job, 'spec.jobTemplate.spec', violations);
  if (job.selector !== undefined)
    violations.invalid('spec.jobTemplate.spec.selector', job.selector, '`selector` will be auto-generated');
  if (job.manualSelector === true)
    violations.notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']);
}

function validateSchedule(schedule: string, timeZone: string | undefined, violations: Violations): void {
  if (schedule === '') {
    violations.required('spec.schedule');
    return;
  }
  if (schedule.includes('TZ')) {
    violations.invalid(
      'spec.schedule',
      schedule,
      timeZone === undefined
        ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
        : 'cannot use both timeZone field and TZ or CRON_TZ in schedule',
    );
    return;
  }
  const problem = cronScheduleProblem(schedule);
  if (problem !== undefined) violations.invalid('spec.schedule', schedule, problem);
}

function validateTimeZone(timeZone: string, violations: Violations): void {
  const path = 'spec.timeZone';
  if (timeZone === '') violations.invalid(path, timeZone, 'timeZone must be nil or non-empty string');
  else if (timeZone.toLowerCase() === 'local')
    violations.invalid(
      path,
      timeZone,
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    );
  else if (!isTimeZone(timeZone)) violations.invalid(path, timeZone, `unknown time zone ${timeZone}`);
}

function isTimeZone(name: string): boolean {
  // An offset would be understood as well, but it is no zone.
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
