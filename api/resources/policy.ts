import type { PodDisruptionBudget } from '../generated/policy-v1.js';
import { define } from './define.js';

export const podDisruptionBudgets = define<PodDisruptionBudget>(
  'policy/v1',
  'namespaced',
  'PodDisruptionBudget',
  { plural: 'poddisruptionbudgets', shortNames: ['pdb'], subresources: ['status'] },
);
