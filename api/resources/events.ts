import type { Event } from '../generated/events-v1.js';
import { events } from './core.js';
import { define } from './define.js';

/** The Events of the core group, under the names that they have in a group of their own. */
export const eventsV1 = define<Event>('events/v1', 'namespaced', 'Event', {
  plural: 'events',
  shortNames: ['ev'],
  viewOf: events,
});
