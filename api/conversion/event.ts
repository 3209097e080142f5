/** Events between their two groups: the same fields, some under other names. */
import type * as core from '../generated/core-v1.js';
import type * as events from '../generated/events-v1.js';

/** Name in events.k8s.io to name in the core group, where they differ. */
const renamed = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
} as const;
const newNames = new Map<string, string>(
  Object.entries(renamed).map(([newName, oldName]) => [oldName, newName]),
);

export function eventToCore(event: events.Event): core.Event {
  const old = {
    involvedObject: {},
    ...rename(event, (key) => (renamed as Record<string, string>)[key] ?? key),
  };
  return { ...old, apiVersion: 'v1', kind: 'Event' } as unknown as core.Event;
}

export function eventFromCore(event: core.Event): events.Event {
  // The time is not optional here; Events of the old way have none.
  const renewed = { eventTime: null, ...rename(event, (key) => newNames.get(key) ?? key) };
  return { ...renewed, apiVersion: 'events.k8s.io/v1', kind: 'Event' } as unknown as events.Event;
}

function rename(object: object, nameOf: (key: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [nameOf(key), value]));
}
