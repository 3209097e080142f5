/** Events: a diary that forgets. */
import type { Event } from '../../../api/generated/core-v1.js';
import { events } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateEvent } from './validation.js';

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
