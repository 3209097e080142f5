/** The APIServices of what this server serves itself. Pure. */
import type { APIService } from '../../api/generated/apiregistration-v1.js';
import type { Draft } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { compareVersions } from '../../api/custom-resources/compare-versions.js';

/** Says who keeps an APIService: the server at its start, or as long as a custom resource is defined. */
export const managedLabel = 'kube-aggregator.kubernetes.io/automanaged';

/** Kubernetes' order of its groups: greater ones come first in discovery. */
const groupPriorities: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'resource.k8s.io': 15_900,
};
const customGroupPriority = 1_000;
const customVersionPriority = 100;
const builtInVersionPriority = 15;
/** Served by the aggregator itself, which needs nobody to say so. */
const ownGroup = 'apiregistration.k8s.io';

/** One for each group version, in the order of the definitions. */
export function localServices(definitions: readonly ResourceDefinition[]): readonly Draft<APIService>[] {
  const drafts = new Map<string, Draft<APIService>>();
  for (const { group, version, custom } of definitions) {
    const name = `${version}.${group}`;
    if (drafts.has(name) || group === ownGroup) continue;
    const versions = versionsOf(definitions, group);
    drafts.set(name, {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name, labels: { [managedLabel]: custom === true ? 'true' : 'onstart' } },
      spec: {
        ...(group === '' ? {} : { group }),
        version,
        groupPriorityMinimum: custom === true ? customGroupPriority : (groupPriorities[group] ?? 15_000),
        versionPriority:
          custom === true
            ? customVersionPriority
            : builtInVersionPriority + (versions.length - 1 - versions.indexOf(version)),
      },
    });
  }
  return [...drafts.values()];
}

function versionsOf(definitions: readonly ResourceDefinition[], group: string): readonly string[] {
  return [...new Set(definitions.filter((one) => one.group === group).map(({ version }) => version))].sort(
    compareVersions,
  );
}
