/** LimitRanges: how much one pod, container or claim of a namespace may ask for, and what it gets when it does not ask. */
import type { LimitRange, LimitRangeItem } from '../../../api/generated/core-v1.js';
import { limitRanges } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateLimitRange } from './validation.js';

export const limitRangeStrategy: Strategy<LimitRange> = {
  definition: limitRanges,
  setDefaults({ spec }) {
    for (const item of spec.limits) if (item.type === 'Container') setContainerDefaults(item);
  },
  validate: validateLimitRange,
};

/** A limit defaults to the most that is allowed, a request to the limit, and failing that to the least. */
function setContainerDefaults(item: LimitRangeItem): void {
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}
