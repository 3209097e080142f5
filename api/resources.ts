/**
 * The registry of resources: the names under which a kind is reached, one line each, a file for each group.
 *
 * Adding a kind is a block in `api/schema/definitions`, a line in `api/resources/<group>.ts`, and a strategy in the
 * apiserver.
 */
import * as apps from './resources/apps.js';
import * as coordination from './resources/coordination.js';
import * as core from './resources/core.js';
import * as discovery from './resources/discovery.js';
import type { ResourceDefinition } from './resources/define.js';

export type { ResourceDefinition } from './resources/define.js';
export * from './resources/apps.js';
export * from './resources/coordination.js';
export * from './resources/core.js';
export * from './resources/discovery.js';

/** Every resource that this apiserver serves: what a group's file exports, in alphabetical order within the group. */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  ...Object.values(core),
  ...Object.values(apps),
  ...Object.values(coordination),
  ...Object.values(discovery),
] as readonly unknown[] as readonly ResourceDefinition[];
