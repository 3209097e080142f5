import type { ResourceDefinition } from '../../api/resources.js';
import { compareVersions } from '../../api/custom-resources/compare-versions.js';

/** The order of custom resources in discovery: by group, the most stable version of each first, then by name. */
export function compareGroups(a: ResourceDefinition, b: ResourceDefinition): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1;
  return compareVersions(a.version, b.version) || (a.plural < b.plural ? -1 : a.plural > b.plural ? 1 : 0);
}
