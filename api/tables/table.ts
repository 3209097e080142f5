/** Server-side printing: the `meta.k8s.io` Table behind `kubectl get`. */
import type { Pod } from '../generated/core-v1.js';
import type { ListMeta, Table, TableColumnDefinition, TableRow } from '../generated/meta-v1.js';
import type { KubernetesObject } from '../objects.js';
import * as resources from '../resources.js';
import type { ResourceDefinition } from '../resources.js';
import * as cluster from './cluster-columns.js';
import type { Column } from './column.js';
import * as network from './network-columns.js';
import { podColumns, podRowConditions } from './pod-columns.js';
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
}

/** A Table with the group in its apiVersion, as it is sent. */
export type PrintedTable = Omit<Table, 'apiVersion'> & { readonly apiVersion: string };

type AnyColumns = readonly Column<KubernetesObject>[];

const columnsBySchemaName = new Map<string, AnyColumns>();

function register<T extends KubernetesObject>(
  definition: ResourceDefinition<T>,
  columns: readonly Column<T>[],
): void {
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
register(resources.leases, cluster.leaseColumns);

/** A Table of these objects, one row each, in order. The objects are not changed; parts of them are shared. */
export function tableFor<T extends KubernetesObject>(
  definition: ResourceDefinition<T>,
  objects: readonly T[],
  options: TableForOptions,
): PrintedTable {
  const columns = columnsBySchemaName.get(definition.schemaName) ?? cluster.defaultColumns;
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
  definition: ResourceDefinition,
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
