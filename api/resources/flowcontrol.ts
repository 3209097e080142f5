import type * as flowcontrol from '../generated/flowcontrol-v1.js';
import { define } from './define.js';

export const flowSchemas = define<flowcontrol.FlowSchema>('flowcontrol/v1', 'cluster', 'FlowSchema', {
  plural: 'flowschemas',
  subresources: ['status'],
});
export const priorityLevelConfigurations = define<flowcontrol.PriorityLevelConfiguration>(
  'flowcontrol/v1',
  'cluster',
  'PriorityLevelConfiguration',
  { plural: 'prioritylevelconfigurations', subresources: ['status'] },
);
