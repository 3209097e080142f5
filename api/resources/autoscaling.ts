import type * as v1 from '../generated/autoscaling-v1.js';
import type * as v2 from '../generated/autoscaling-v2.js';
import { all, define } from './define.js';

const names = {
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: all,
  subresources: ['status'],
};

export const horizontalPodAutoscalers = define<v2.HorizontalPodAutoscaler>(
  'autoscaling/v2',
  'namespaced',
  'HorizontalPodAutoscaler',
  names,
);
export const horizontalPodAutoscalersV1 = define<v1.HorizontalPodAutoscaler>(
  'autoscaling/v1',
  'namespaced',
  'HorizontalPodAutoscaler',
  { ...names, viewOf: horizontalPodAutoscalers },
);
