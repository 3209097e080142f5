import type * as node from '../generated/node-v1.js';
import { define } from './define.js';

export const runtimeClasses = define<node.RuntimeClass>('node/v1', 'cluster', 'RuntimeClass', {
  plural: 'runtimeclasses',
});
