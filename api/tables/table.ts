/** Server-side printing: the `meta.k8s.io` Table behind `kubectl get`. */
import type { Pod } from '../generated/core-v1.js';
import type { ListMeta, Table, TableColumnDefinition, TableRow } from '../generated/meta-v1.js';
import type { KubernetesObject } from '../objects.js';
import * as resources from '../resources.js';
import type { ResourceDefinition } from '../resources.js';
import * as access from './access-columns.js';
import { eventToCore } from '../conversion/event.js';
import * as autoscaler from './autoscaler-columns.js';
import * as batch from './batch-columns.js';
import * as cluster from './cluster-columns.js';
import * as limit from './limit-columns.js';
import type { Column } from './column.js';
import * as ingress from './ingress-columns.js';
import * as network from './network-columns.js';
import { podColumns, podRowConditions } from './pod-columns.js';
import * as volume from './volume-columns.js';
import * as steering from './steering-columns.js';
import * as storage from './storage-class-columns.js';
import * as workload from './workload-columns.js';

export interface TableForOptions {
  /** What stands in each row's `object`: PartialObjectMetadata by default. */
  readonly includeObject?: 'None' | 'Metadata' | 'Object';
  readonly listMeta?: ListMeta;
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
  readonly version?: 'v1' | 'v1beta1';
  /** Leaves the column definitions out: later events of a watch. */
  readonly noHeaders?: boolean;
  /** Instead of those that are registered for the kind. */
  readonly columns?: AnyColumns;
}

/** A Table with the group in its apiVersion, as it is sent. */
export type PrintedTable = Omit<Table, 'apiVersion'> & { readonly apiVersion: string };

export type AnyColumns = readonly Column<KubernetesObject>[];

const columnsBySchemaName = new Map<string, AnyColumns>();

/** What is printed: a resource, or the type that a subresource answers with. */
export type Printed<T extends KubernetesObject> = Pick<ResourceDefinition<T>, 'schemaName' | 'exampleOf'>;

const scales: Printed<autoscaler.Scale> = { schemaName: 'autoscaling/v1.Scale' };

function register<T extends KubernetesObject>(definition: Printed<T>, columns: readonly Column<T>[]): void {
  // Safe: the columns of a definition are only ever given objects of that definition.
  columnsBySchemaName.set(definition.schemaName, columns as readonly unknown[] as AnyColumns);
}

register(resources.pods, podColumns);
register(resources.services, network.serviceColumns);
register(resources.endpoints, network.endpointsColumns);
register(resources.endpointSlices, network.endpointSliceColumns);
register(resources.replicationControllers, workload.replicationControllerColumns);
register(resources.replicaSets, workload.replicaSetColumns);
register(resources.deployments, workload.deploymentColumns);
register(resources.nodes, cluster.nodeColumns);
register(resources.namespaces, cluster.namespaceColumns);
register(resources.configMaps, cluster.configMapColumns);
register(resources.secrets, cluster.secretColumns);
register(resources.serviceAccounts, cluster.serviceAccountColumns);
register(resources.events, cluster.eventColumns);
register(
  resources.eventsV1,
  cluster.eventColumns.map((column) => ({
    ...column,
    cell: (event, nowMs) => column.cell(eventToCore(event), nowMs),
  })),
);
register(resources.leases, cluster.leaseColumns);
register(resources.statefulSets, workload.statefulSetColumns);
register(resources.daemonSets, workload.daemonSetColumns);
register(resources.controllerRevisions, workload.controllerRevisionColumns);
register(resources.podTemplates, workload.podTemplateColumns);
register(resources.jobs, batch.jobColumns);
register(resources.cronJobs, batch.cronJobColumns);
register(resources.horizontalPodAutoscalers, autoscaler.horizontalPodAutoscalerColumns);
register(resources.horizontalPodAutoscalersV1, autoscaler.horizontalPodAutoscalerV1Columns);
register(scales, autoscaler.scaleColumns);
register(resources.persistentVolumes, volume.persistentVolumeColumns);
register(resources.persistentVolumeClaims, volume.persistentVolumeClaimColumns);
register(resources.resourceQuotas, limit.resourceQuotaColumns);
register(resources.limitRanges, limit.limitRangeColumns);
register(resources.podDisruptionBudgets, limit.podDisruptionBudgetColumns);
register(resources.priorityClasses, limit.priorityClassColumns);
register(resources.componentStatuses, limit.componentStatusColumns);

register(resources.roles, access.roleColumns);
register(resources.clusterRoles, access.roleColumns);
register(resources.roleBindings, access.roleBindingColumns);
register(resources.clusterRoleBindings, access.roleBindingColumns);
register(resources.certificateSigningRequests, access.certificateSigningRequestColumns);
register(resources.storageClasses, storage.storageClassColumns);
register(resources.volumeAttributesClasses, storage.volumeAttributesClassColumns);
register(resources.volumeAttachments, storage.volumeAttachmentColumns);
register(resources.csiDrivers, storage.csiDriverColumns);
register(resources.csiNodes, storage.csiNodeColumns);
register(resources.csiStorageCapacities, storage.csiStorageCapacityColumns);
register(resources.ingresses, ingress.ingressColumns);
register(resources.ingressClasses, ingress.ingressClassColumns);
register(resources.networkPolicies, ingress.networkPolicyColumns);
register(resources.ipAddresses, ingress.ipAddressColumns);
register(resources.serviceCidrs, ingress.serviceCidrColumns);
register(resources.runtimeClasses, ingress.runtimeClassColumns);
register(resources.mutatingWebhookConfigurations, steering.webhookConfigurationColumns);
register(resources.validatingWebhookConfigurations, steering.webhookConfigurationColumns);
register(resources.validatingAdmissionPolicies, steering.validatingAdmissionPolicyColumns);
register(resources.validatingAdmissionPolicyBindings, steering.validatingAdmissionPolicyBindingColumns);
register(resources.apiServices, cluster.apiServiceColumns);
register(resources.customResourceDefinitions, cluster.customResourceDefinitionColumns);
register(resources.flowSchemas, steering.flowSchemaColumns);
register(resources.priorityLevelConfigurations, steering.priorityLevelConfigurationColumns);
register(resources.resourceClaims, steering.resourceClaimColumns);
register(resources.resourceSlices, steering.resourceSliceColumns);

/** A Table of these objects, one row each, in order. The objects are not changed; parts of them are shared. */
export function tableFor<T extends KubernetesObject>(
  definition: Printed<T>,
  objects: readonly T[],
  options: TableForOptions,
): PrintedTable {
  const columns = options.columns ?? columnsBySchemaName.get(definition.schemaName) ?? cluster.defaultColumns;
  const apiVersion = `meta.k8s.io/${options.version ?? 'v1'}`;
  return {
    kind: 'Table',
    apiVersion,
    metadata: options.listMeta ?? {},
    columnDefinitions: options.noHeaders === true ? [] : columns.map(toDefinition),
    rows: objects.map((object) => toRow(definition, object, columns, apiVersion, options)),
  };
}

function toDefinition(column: Column<KubernetesObject>): TableColumnDefinition {
  const { name, type, description, format = '', priority = 0 } = column;
  return { name, type, format, description, priority };
}

function toRow(
  definition: Printed<KubernetesObject>,
  object: KubernetesObject,
  columns: AnyColumns,
  apiVersion: string,
  { includeObject = 'Metadata', now }: TableForOptions,
): TableRow {
  const row: TableRow = { cells: columns.map((column) => column.cell(object, now)) };
  if (definition.schemaName === resources.pods.schemaName) {
    const conditions = podRowConditions(object as Pod);
    if (conditions !== undefined) row.conditions = conditions;
  }
  if (includeObject === 'Object') row.object = object;
  else if (includeObject === 'Metadata')
    row.object = { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
  return row;
}
