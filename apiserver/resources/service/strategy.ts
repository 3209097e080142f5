/** Services: addresses and ports are handed out by the server, and belong to the object until it goes. */
import type { Service } from '../../../api/generated/core-v1.js';
import { validateDns1035Label } from '../../../api/names.js';
import { services } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import type { ServiceAllocator } from './service-allocator.js';
import { carryAllocations } from './service-kinds.js';
import { validateService, validateServiceUpdate } from './validation.js';
import { serviceWarnings } from './warnings.js';

const defaultAffinitySeconds = 3 * 60 * 60;

export function serviceStrategy(allocator: ServiceAllocator): Strategy<Service> {
  return {
    definition: services,
    warnings: serviceWarnings,
    validateName: validateDns1035Label,
    returnsDeletedObject: true,
    allowsCreateOnUpdate: true,
    selectableFields: {
      'spec.clusterIP': (service) => service.spec.clusterIP ?? '',
      'spec.type': (service) => service.spec.type ?? '',
    },
    setDefaults: setServiceDefaults,
    prepareForCreate(service) {
      service.status = { loadBalancer: {} };
    },
    prepareForUpdate: carryAllocations,
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    reserve: (service, before, options) => allocator.reserve(service, before, options),
    released: (service) => allocator.released(service),
  };
}

export function setServiceDefaults({ spec }: Service): void {
  spec.type ??= 'ClusterIP';
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= defaultAffinitySeconds;
  }
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port;
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  // Two names of one thing, see clusterIPs in the API; the first of the list is the old field.
  const first = spec.clusterIPs?.[0];
  if ((spec.clusterIP ?? '') === '' && first !== undefined) spec.clusterIP = first;
  if ((spec.clusterIP ?? '') !== '' && (spec.clusterIPs ?? []).length === 0)
    spec.clusterIPs = [spec.clusterIP ?? ''];
}
