/** Defaults of Jobs that depend on other fields, and the labels by which a Job knows its pods. */
import type { Job, JobSpec } from '../../../api/generated/batch-v1.js';
import { setPodSpecDefaults } from '../pod/defaults.js';

const defaultBackoffLimit = 6;
const unlimited = 0x7fff_ffff;

export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
/** The names that these labels had before; pods carry both. */
export const legacyControllerUidLabel = 'controller-uid';
export const legacyJobNameLabel = 'job-name';

export function setJobDefaults({ metadata, spec }: Job): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? defaultBackoffLimit : unlimited;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  const labels = spec.template.metadata.labels;
  if (Object.keys(metadata.labels ?? {}).length === 0 && labels !== undefined)
    metadata.labels = { ...labels };
  setJobTemplateDefaults(spec);
}

/** The part that the Jobs of a CronJob have in common with others before they are made. */
export function setJobTemplateDefaults(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of rule.onPodConditions ?? []) pattern.status ??= 'True';
  setPodSpecDefaults(spec.template.spec);
}

/** Unless the client selects by hand, a Job selects by its own uid, so that it never meets pods of others. */
export function generateSelector({ metadata, spec }: Job): void {
  if (spec.manualSelector === true) return;
  const own = {
    [controllerUidLabel]: metadata.uid,
    [jobNameLabel]: metadata.name,
    [legacyControllerUidLabel]: metadata.uid,
    [legacyJobNameLabel]: metadata.name,
  };
  // What a client has set itself is left for validation to judge.
  spec.template.metadata.labels = { ...own, ...spec.template.metadata.labels };
  spec.selector ??= {};
  spec.selector.matchLabels = { [controllerUidLabel]: metadata.uid, ...spec.selector.matchLabels };
}
