import type { PriorityLevelConfiguration } from '../../../api/generated/flowcontrol-v1.js';
import { priorityLevelConfigurations } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validatePriorityLevelConfiguration } from './validation.js';

const defaultShares = 30;
const defaultQueues = 64;
const defaultHandSize = 8;
const defaultQueueLength = 50;

export const priorityLevelConfigurationStrategy: Strategy<PriorityLevelConfiguration> = {
  definition: priorityLevelConfigurations,
  tracksGeneration: true,
  setDefaults({ spec }) {
    if (spec.type === 'Exempt') spec.exempt ??= {};
    if (spec.exempt !== undefined) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (spec.limited === undefined) return;
    spec.limited.nominalConcurrencyShares ??= defaultShares;
    spec.limited.lendablePercent ??= 0;
    const queuing = spec.limited.limitResponse?.queuing;
    if (queuing === undefined) return;
    // Zero is how "not set" is written here.
    if ((queuing.queues ?? 0) === 0) queuing.queues = defaultQueues;
    if ((queuing.handSize ?? 0) === 0) queuing.handSize = defaultHandSize;
    if ((queuing.queueLengthLimit ?? 0) === 0) queuing.queueLengthLimit = defaultQueueLength;
  },
  prepareForCreate(level) {
    level.status = {};
  },
  validate: validatePriorityLevelConfiguration,
};
