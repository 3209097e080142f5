/** Events: a diary that forgets. Stored as the core group has them, served by events.k8s.io, too. */
import { eventFromCore, eventToCore } from '../../../api/conversion/event.js';
import type { Event } from '../../../api/generated/core-v1.js';
import type { Event as NewEvent } from '../../../api/generated/events-v1.js';
import { events, eventsV1 } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { strategyOfView } from '../version-view.js';
import { validateEvent, validateNewEvent, validateNewEventUpdate } from './validation.js';

export function eventStrategy(ttlSeconds: number): Strategy<Event> {
  return {
    definition: events,
    allowsCreateOnUpdate: true,
    ttlSeconds,
    selectableFields: {
      'involvedObject.kind': (event) => event.involvedObject.kind ?? '',
      'involvedObject.namespace': (event) => event.involvedObject.namespace ?? '',
      'involvedObject.name': (event) => event.involvedObject.name ?? '',
      'involvedObject.uid': (event) => event.involvedObject.uid ?? '',
      'involvedObject.apiVersion': (event) => event.involvedObject.apiVersion ?? '',
      'involvedObject.resourceVersion': (event) => event.involvedObject.resourceVersion ?? '',
      'involvedObject.fieldPath': (event) => event.involvedObject.fieldPath ?? '',
      reason: (event) => event.reason ?? '',
      reportingComponent: (event) => event.reportingComponent ?? '',
      source: (event) => event.source?.component ?? event.reportingComponent ?? '',
      type: (event) => event.type ?? '',
    },
    validate: validateEvent,
  };
}

const newFields = {
  'regarding.kind': 'involvedObject.kind',
  'regarding.namespace': 'involvedObject.namespace',
  'regarding.name': 'involvedObject.name',
  'regarding.uid': 'involvedObject.uid',
  'regarding.apiVersion': 'involvedObject.apiVersion',
  'regarding.resourceVersion': 'involvedObject.resourceVersion',
  'regarding.fieldPath': 'involvedObject.fieldPath',
  reason: 'reason',
  reportingController: 'reportingComponent',
  type: 'type',
};

/** Who writes by the new names keeps to stricter rules; what was written by the old ones is not judged by them. */
export function newEventStrategy(stored: Strategy<Event>): Strategy<NewEvent> {
  const conversion = { storedAs: events, toStored: eventToCore, fromStored: eventFromCore };
  const view = strategyOfView(eventsV1, conversion, stored, newFields);
  return {
    ...view,
    validate(event, violations) {
      view.validate(event, violations);
      validateNewEvent(event, violations);
    },
    validateUpdate: validateNewEventUpdate,
  };
}
