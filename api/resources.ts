/**
 * The registry of resources: the names under which a kind is reached, one line each, a file for each group.
 *
 * Adding a kind is a block in `api/schema/definitions`, a line in `api/resources/<group>.ts`, and a strategy in the
 * apiserver.
 */
import * as admissionregistration from './resources/admissionregistration.js';
import * as apiextensions from './resources/apiextensions.js';
import * as apiregistration from './resources/apiregistration.js';
import * as apps from './resources/apps.js';
import * as authentication from './resources/authentication.js';
import * as authorization from './resources/authorization.js';
import * as autoscaling from './resources/autoscaling.js';
import * as batch from './resources/batch.js';
import * as certificates from './resources/certificates.js';
import * as coordination from './resources/coordination.js';
import * as core from './resources/core.js';
import * as discovery from './resources/discovery.js';
import * as events from './resources/events.js';
import * as flowcontrol from './resources/flowcontrol.js';
import * as networking from './resources/networking.js';
import * as node from './resources/node.js';
import * as policy from './resources/policy.js';
import * as rbac from './resources/rbac.js';
import * as resource from './resources/resource.js';
import * as scheduling from './resources/scheduling.js';
import * as storage from './resources/storage.js';
import type { ResourceDefinition } from './resources/define.js';

export { listKindOf, resourceVerbs } from './resources/define.js';
export type { ResourceDefinition } from './resources/define.js';
export * from './resources/admissionregistration.js';
export * from './resources/apiextensions.js';
export * from './resources/apiregistration.js';
export * from './resources/apps.js';
export * from './resources/authentication.js';
export * from './resources/authorization.js';
export * from './resources/autoscaling.js';
export * from './resources/batch.js';
export * from './resources/certificates.js';
export * from './resources/coordination.js';
export * from './resources/core.js';
export * from './resources/discovery.js';
export * from './resources/events.js';
export * from './resources/flowcontrol.js';
export * from './resources/networking.js';
export * from './resources/node.js';
export * from './resources/policy.js';
export * from './resources/rbac.js';
export * from './resources/resource.js';
export * from './resources/scheduling.js';
export * from './resources/storage.js';

/**
 * Every resource that this apiserver serves: what a group's file exports, in alphabetical order within the group. The order of groups is
 * that of discovery: where two of them have the same name, kubectl takes the first.
 */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  ...Object.values(core),
  ...Object.values(apiregistration),
  ...Object.values(apps),
  ...Object.values(events),
  ...Object.values(authentication),
  ...Object.values(authorization),
  ...Object.values(autoscaling),
  ...Object.values(batch),
  ...Object.values(certificates),
  ...Object.values(networking),
  ...Object.values(policy),
  ...Object.values(rbac),
  ...Object.values(storage),
  ...Object.values(admissionregistration),
  ...Object.values(apiextensions),
  ...Object.values(scheduling),
  ...Object.values(coordination),
  ...Object.values(node),
  ...Object.values(discovery),
  ...Object.values(resource),
  ...Object.values(flowcontrol),
] as readonly unknown[] as readonly ResourceDefinition[];

/** Each kind of stored object once: what to walk over to see all objects there are. */
export const storedResources: readonly ResourceDefinition[] = resourceDefinitions.filter(
  ({ viewOf, verbs }) => viewOf === undefined && verbs.includes('watch'),
);
