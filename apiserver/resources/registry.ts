/** The strategies, one line a kind. A kind without a line here is not served. */
import * as resources from '../../api/resources.js';
import { configMapStrategy } from './config-map/strategy.js';
import { deploymentStrategy } from './deployment/strategy.js';
import { endpointSliceStrategy } from './endpoint-slice/strategy.js';
import { endpointsStrategy } from './endpoints/strategy.js';
import { eventStrategy, newEventStrategy } from './event/strategy.js';
import { leaseStrategy } from './lease/strategy.js';
import { namespaceStrategy } from './namespace/strategy.js';
import { nodeStrategy } from './node/strategy.js';
import { podStrategy } from './pod/strategy.js';
import { replicaSetStrategy } from './replica-set/strategy.js';
import { replicationControllerStrategy } from './replication-controller/strategy.js';
import { secretStrategy } from './secret/strategy.js';
import { serviceAccountStrategy } from './service-account/strategy.js';
import type { ServiceAllocator } from './service/service-allocator.js';
import { serviceStrategy } from './service/strategy.js';
import type { Strategy } from './strategy.js';
import { computedStrategy } from './strategy.js';

/** Questions that are answered and not stored, see `computed/reviews`. */
const reviews = [
  resources.tokenReviews,
  resources.selfSubjectReviews,
  resources.selfSubjectAccessReviews,
  resources.subjectAccessReviews,
  resources.localSubjectAccessReviews,
  resources.selfSubjectRulesReviews,
];

export interface StrategyDependencies {
  readonly serviceAllocator: ServiceAllocator;
  readonly eventTtlSeconds: number;
}

export function createStrategies(dependencies: StrategyDependencies): readonly Strategy[] {
  const coreEvents = eventStrategy(dependencies.eventTtlSeconds);
  return [
    podStrategy,
    serviceStrategy(dependencies.serviceAllocator),
    replicationControllerStrategy,
    configMapStrategy,
    secretStrategy,
    serviceAccountStrategy,
    endpointsStrategy,
    coreEvents,
    newEventStrategy(coreEvents),
    nodeStrategy,
    namespaceStrategy,
    deploymentStrategy,
    replicaSetStrategy,
    computedStrategy(resources.componentStatuses),
    ...reviews.map(computedStrategy),
    leaseStrategy,
    endpointSliceStrategy,
  ] as readonly unknown[] as readonly Strategy[];
}
