/** The URLs of the Kubernetes API: where a resource, an object or a subresource is. */
import type { ResourceDefinition } from '../api/resources.js';
import { StatusError } from '../api/status-error.js';
import type { ErrorSubject } from '../api/status-error.js';
import type { ListOptions, ObjectName, WatchOptions } from './types.js';

/** `v1` or `apps/v1`: what objects carry as apiVersion. */
export function apiVersionOf(resource: ResourceDefinition): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** How errors name a resource. */
export function subjectOf(resource: ResourceDefinition): ErrorSubject {
  return { group: resource.group, resource: resource.plural, kind: resource.kind };
}

/** `/api/v1/namespaces/default/pods`; without a namespace the collection over all namespaces. */
export function collectionPath(resource: ResourceDefinition, namespace: string | undefined): string {
  const root = resource.group === '' ? '/api/' : '/apis/';
  const scope =
    resource.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${root}${apiVersionOf(resource)}${scope}/${resource.plural}`;
}

/** The path of one object, which must be named completely. */
export function objectPath(resource: ResourceDefinition, at: ObjectName, subresource?: string): string {
  requireComplete(resource, at);
  const path = `${collectionPath(resource, at.namespace)}/${encodeURIComponent(at.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function requireComplete(resource: ResourceDefinition, at: ObjectName): void {
  if (at.name === '') throw new StatusError('BadRequest', `a name of ${resource.plural} is empty`);
  if (resource.namespaced && (at.namespace === undefined || at.namespace === '')) {
    throw new StatusError('BadRequest', `${resource.plural} "${at.name}" is named without its namespace`);
  }
}

export function listQuery(options: ListOptions): string {
  return query({
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  });
}

export function watchQuery(options: WatchOptions): string {
  return query({
    watch: 'true',
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    allowWatchBookmarks: options.allowBookmarks === true ? 'true' : undefined,
    timeoutSeconds: options.timeoutSeconds,
  });
}

function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
