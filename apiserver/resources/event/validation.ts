import type { Event } from '../../../api/generated/core-v1.js';
import type { Event as NewEvent } from '../../../api/generated/events-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateQualifiedName } from '../../../api/names.js';
import { checkImmutable, checkRequired, checkRequiredName } from '../checks.js';

/** An Event stands in the namespace of what it is about; one about a cluster-scoped object in `default`. */
export function validateEvent(event: Event, violations: Violations): void {
  const about = event.involvedObject.namespace ?? '';
  const own = event.metadata.namespace;
  if (about === '' ? own !== 'default' && own !== 'kube-system' : about !== own)
    violations.invalid('involvedObject.namespace', about, 'does not match event.namespace');
}

const eventTypes = ['Normal', 'Warning'];
const maxWordLength = 128;
const maxNoteLength = 1024;

/** An Event of events.k8s.io says when, who, what and why; one of the old way, without a time, is left alone. */
export function validateNewEvent(event: NewEvent, violations: Violations): void {
  if (event.deprecatedFirstTimestamp !== undefined || event.deprecatedLastTimestamp !== undefined) return;
  if ((event.eventTime as string | null) === null) violations.required('eventTime');
  if (!eventTypes.includes(event.type ?? ''))
    violations.invalid('type', '', `has invalid value: ${event.type ?? ''}`);
  checkRequiredName(event.reportingController, validateQualifiedName, 'reportingController', violations);
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const value = event[field];
    if (checkRequired(value, field, violations) && value.length > maxWordLength)
      violations.invalid(field, '', `can have at most ${String(maxWordLength)} characters`);
  }
  if ((event.note ?? '').length > maxNoteLength)
    violations.invalid('note', '', `can have at most ${String(maxNoteLength)} characters`);
  const { series } = event;
  if (series === undefined) return;
  if (series.count < 2) violations.invalid('series.count', '', 'should be at least 2');
  if ((series.lastObservedTime as string | null) === null) violations.required('series.lastObservedTime');
}

const fixedFields = [
  'eventTime',
  'reportingController',
  'reportingInstance',
  'action',
  'reason',
  'regarding',
  'related',
  'note',
  'type',
] as const;

/** What happened has happened: only how often is still counted. */
export function validateNewEventUpdate(event: NewEvent, before: NewEvent, violations: Violations): void {
  for (const field of fixedFields) checkImmutable(event[field], before[field], field, violations);
}
