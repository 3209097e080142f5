/** The columns of Jobs and CronJobs. */
import type { CronJob, Job } from '../generated/batch-v1.js';
import { formatLabelSelector, selectorFromObject } from '../selectors.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, none } from './column.js';
import { humanAge, humanDuration } from './human-duration.js';
import { templateColumns } from './workload-columns.js';

/** Conditions in the order in which they decide, with the word that stands for each. */
const states: readonly (readonly [string, string])[] = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['Terminating', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
];

function jobState({ metadata, status }: Job): string {
  const holds = (type: string): boolean =>
    type === 'Terminating'
      ? metadata.deletionTimestamp !== undefined
      : (status.conditions ?? []).some((one) => one.type === type && one.status === 'True');
  return states.find(([type]) => holds(type))?.[1] ?? 'Running';
}

function completions({ spec, status }: Job): string {
  const done = String(status.succeeded ?? 0);
  if (spec.completions !== undefined) return `${done}/${String(spec.completions)}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${String(parallelism)}` : `${done}/1`;
}

function duration({ status }: Job, nowMs: number): string {
  if (status.startTime === undefined) return '';
  const endMs = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime);
  return humanDuration(endMs - Date.parse(status.startTime));
}

export const jobColumns: readonly Column<Job>[] = [
  nameColumn,
  { name: 'Status', type: 'string', description: 'How far the job is', cell: jobState },
  {
    name: 'Completions',
    type: 'string',
    description: 'Pods that have succeeded, of those that must',
    cell: completions,
  },
  { name: 'Duration', type: 'string', description: 'How long it has run, or ran', cell: duration },
  ageColumn,
  ...templateColumns<Job>(
    ({ spec }) => spec.template,
    ({ spec }) =>
      spec.selector === undefined ? none : formatLabelSelector(selectorFromObject(spec.selector)) || none,
  ),
];

export const cronJobColumns: readonly Column<CronJob>[] = [
  nameColumn,
  { name: 'Schedule', type: 'string', description: 'When a job is made', cell: ({ spec }) => spec.schedule },
  {
    name: 'Timezone',
    type: 'string',
    description: 'Time zone of the schedule',
    cell: ({ spec }) => spec.timeZone ?? none,
  },
  {
    name: 'Suspend',
    type: 'boolean',
    description: 'Whether no jobs are made for now',
    cell: ({ spec }) => (spec.suspend === true ? 'True' : 'False'),
  },
  {
    name: 'Active',
    type: 'integer',
    description: 'Jobs that run now',
    cell: ({ status }) => (status.active ?? []).length,
  },
  {
    name: 'Last Schedule',
    type: 'string',
    description: 'Time since a job was made',
    cell: ({ status }, nowMs) =>
      status.lastScheduleTime === undefined ? none : humanAge(status.lastScheduleTime, nowMs),
  },
  ageColumn,
  ...templateColumns<CronJob>(
    ({ spec }) => spec.jobTemplate.spec.template,
    ({ spec }) => {
      const { selector } = spec.jobTemplate.spec;
      return selector === undefined ? none : formatLabelSelector(selectorFromObject(selector)) || none;
    },
  ),
];
