import type { PriorityClass } from '../generated/scheduling-v1.js';
import { define } from './define.js';

export const priorityClasses = define<PriorityClass>('scheduling/v1', 'cluster', 'PriorityClass', {
  plural: 'priorityclasses',
  shortNames: ['pc'],
});
