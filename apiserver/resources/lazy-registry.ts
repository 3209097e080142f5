/**
 * Strategies that are loaded with the first request that needs them, one line a kind: rules of kinds that most requests
 * are not about cost the server's start nothing.
 */
import type { KubernetesObject } from '../../api/objects.js';
import * as resources from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { VersionConversion } from '../storage/version-conversion.js';
import { horizontalPodAutoscalerConversion } from './horizontal-pod-autoscaler/conversion.js';
import type { Strategy } from './strategy.js';

export interface LazyStrategy {
  readonly definition: ResourceDefinition;
  /** As in the strategy: the storage has to know it before. */
  readonly conversion?: VersionConversion;
  /** May be called more than once; the module is loaded once. */
  readonly load: () => Promise<Strategy>;
}

function lazy<T extends KubernetesObject>(
  definition: ResourceDefinition<T>,
  load: () => Promise<Strategy<T>>,
  conversion?: unknown,
): LazyStrategy {
  // Safe: a strategy is only ever given objects of its own definition.
  return { definition, load, ...(conversion === undefined ? {} : { conversion }) } as unknown as LazyStrategy;
}

export const lazyStrategies: readonly LazyStrategy[] = [
  lazy(resources.statefulSets, async () => (await import('./stateful-set/strategy.js')).statefulSetStrategy),
  lazy(resources.daemonSets, async () => (await import('./daemon-set/strategy.js')).daemonSetStrategy),
  lazy(
    resources.controllerRevisions,
    async () => (await import('./controller-revision/strategy.js')).controllerRevisionStrategy,
  ),
  lazy(resources.jobs, async () => (await import('./job/strategy.js')).jobStrategy),
  lazy(resources.cronJobs, async () => (await import('./cron-job/strategy.js')).cronJobStrategy),
  lazy(
    resources.horizontalPodAutoscalers,
    async () => (await import('./horizontal-pod-autoscaler/strategy.js')).horizontalPodAutoscalerStrategy,
  ),
  lazy(
    resources.horizontalPodAutoscalersV1,
    async () => (await import('./horizontal-pod-autoscaler/strategy.js')).horizontalPodAutoscalerV1Strategy,
    horizontalPodAutoscalerConversion,
  ),
  lazy(
    resources.persistentVolumes,
    async () => (await import('./persistent-volume/strategy.js')).persistentVolumeStrategy,
  ),
  lazy(
    resources.persistentVolumeClaims,
    async () => (await import('./persistent-volume-claim/strategy.js')).persistentVolumeClaimStrategy,
  ),
  lazy(
    resources.resourceQuotas,
    async () => (await import('./resource-quota/strategy.js')).resourceQuotaStrategy,
  ),
  lazy(resources.limitRanges, async () => (await import('./limit-range/strategy.js')).limitRangeStrategy),
  lazy(resources.podTemplates, async () => (await import('./pod-template/strategy.js')).podTemplateStrategy),
  lazy(
    resources.podDisruptionBudgets,
    async () => (await import('./pod-disruption-budget/strategy.js')).podDisruptionBudgetStrategy,
  ),
  lazy(
    resources.priorityClasses,
    async () => (await import('./priority-class/strategy.js')).priorityClassStrategy,
  ),
  lazy(resources.roles, async () => (await import('./role/strategy.js')).roleStrategy),
  lazy(resources.roleBindings, async () => (await import('./role-binding/strategy.js')).roleBindingStrategy),
  lazy(resources.clusterRoles, async () => (await import('./cluster-role/strategy.js')).clusterRoleStrategy),
  lazy(
    resources.clusterRoleBindings,
    async () => (await import('./cluster-role-binding/strategy.js')).clusterRoleBindingStrategy,
  ),
  lazy(
    resources.storageClasses,
    async () => (await import('./storage-class/strategy.js')).storageClassStrategy,
  ),
  lazy(
    resources.volumeAttachments,
    async () => (await import('./volume-attachment/strategy.js')).volumeAttachmentStrategy,
  ),
  lazy(resources.csiDrivers, async () => (await import('./csi-driver/strategy.js')).csiDriverStrategy),
  lazy(resources.csiNodes, async () => (await import('./csi-node/strategy.js')).csiNodeStrategy),
  lazy(
    resources.csiStorageCapacities,
    async () => (await import('./csi-storage-capacity/strategy.js')).csiStorageCapacityStrategy,
  ),
  lazy(
    resources.volumeAttributesClasses,
    async () => (await import('./volume-attributes-class/strategy.js')).volumeAttributesClassStrategy,
  ),
  lazy(resources.ingresses, async () => (await import('./ingress/strategy.js')).ingressStrategy),
  lazy(
    resources.ingressClasses,
    async () => (await import('./ingress-class/strategy.js')).ingressClassStrategy,
  ),
  lazy(
    resources.networkPolicies,
    async () => (await import('./network-policy/strategy.js')).networkPolicyStrategy,
  ),
  lazy(resources.ipAddresses, async () => (await import('./ip-address/strategy.js')).ipAddressStrategy),
  lazy(resources.serviceCidrs, async () => (await import('./service-cidr/strategy.js')).serviceCidrStrategy),
  lazy(
    resources.runtimeClasses,
    async () => (await import('./runtime-class/strategy.js')).runtimeClassStrategy,
  ),
  lazy(
    resources.mutatingWebhookConfigurations,
    async () =>
      (await import('./mutating-webhook-configuration/strategy.js')).mutatingWebhookConfigurationStrategy,
  ),
  lazy(
    resources.validatingWebhookConfigurations,
    async () =>
      (await import('./validating-webhook-configuration/strategy.js')).validatingWebhookConfigurationStrategy,
  ),
  lazy(
    resources.validatingAdmissionPolicies,
    async () => (await import('./validating-admission-policy/strategy.js')).validatingAdmissionPolicyStrategy,
  ),
  lazy(
    resources.validatingAdmissionPolicyBindings,
    async () =>
      (await import('./validating-admission-policy-binding/strategy.js'))
        .validatingAdmissionPolicyBindingStrategy,
  ),
  lazy(
    resources.certificateSigningRequests,
    async () => (await import('./certificate-signing-request/strategy.js')).certificateSigningRequestStrategy,
  ),
  lazy(resources.flowSchemas, async () => (await import('./flow-schema/strategy.js')).flowSchemaStrategy),
  lazy(
    resources.priorityLevelConfigurations,
    async () =>
      (await import('./priority-level-configuration/strategy.js')).priorityLevelConfigurationStrategy,
  ),
  lazy(resources.apiServices, async () => (await import('./api-service/strategy.js')).apiServiceStrategy),
  lazy(
    resources.customResourceDefinitions,
    async () => (await import('./custom-resource-definition/strategy.js')).customResourceDefinitionStrategy,
  ),
  lazy(resources.deviceClasses, async () => (await import('./device-class/strategy.js')).deviceClassStrategy),
  lazy(
    resources.resourceClaims,
    async () => (await import('./resource-claim/strategy.js')).resourceClaimStrategy,
  ),
  lazy(
    resources.resourceClaimTemplates,
    async () => (await import('./resource-claim-template/strategy.js')).resourceClaimTemplateStrategy,
  ),
  lazy(
    resources.resourceSlices,
    async () => (await import('./resource-slice/strategy.js')).resourceSliceStrategy,
  ),
];
