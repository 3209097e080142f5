/** What a user is told of a Service that is accepted all the same: in the words of Kubernetes. Pure. */
import type { Service } from '../../../api/generated/core-v1.js';

const topologyHints = 'service.kubernetes.io/topology-aware-hints';

export function serviceWarnings({ metadata, spec }: Service): readonly string[] {
  const isHeadless = spec.type === 'ClusterIP' && spec.clusterIP === 'None';
  const hasExternalIps = (spec.externalIPs ?? []).length > 0;
  const when = (holds: boolean, message: string): readonly string[] => (holds ? [message] : []);
  return [
    ...when(
      Object.hasOwn(metadata.annotations ?? {}, topologyHints),
      `annotation ${topologyHints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
    ),
    ...when(
      isHeadless && (spec.loadBalancerIP ?? '') !== '',
      'spec.loadBalancerIP is ignored for headless services',
    ),
    ...when(isHeadless && hasExternalIps, 'spec.externalIPs is ignored for headless services'),
    ...when(
      isHeadless && spec.sessionAffinity !== 'None',
      'spec.SessionAffinity is ignored for headless services',
    ),
    ...when(
      spec.type === 'ExternalName' && hasExternalIps,
      'spec.externalIPs is ignored when spec.type is "ExternalName"',
    ),
    ...when(
      spec.type !== 'ExternalName' && (spec.externalName ?? '') !== '',
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ),
    ...when(
      spec.trafficDistribution === 'PreferClose',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ),
  ];
}
