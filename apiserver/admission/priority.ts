/** Resolves a Pod's priority from its PriorityClass, and keeps the default among the classes the only one. */
import type { Pod } from '../../api/generated/core-v1.js';
import type { PriorityClass } from '../../api/generated/scheduling-v1.js';
import { priorityClasses } from '../../api/resources.js';
import { StatusError } from '../../api/status-error.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isPodCreation, isPodUpdate } from './pod-creation.js';

/** `find` answers from the store as it is now; the list, read for every other Pod, from the cache. */
export interface PriorityClassReader {
  readonly findPriorityClass: (name: string) => Promise<PriorityClass | undefined>;
  readonly listPriorityClasses: () => Promise<readonly PriorityClass[]>;
}

export function priority(classes: PriorityClassReader): AdmissionPlugin {
  return {
    name: 'Priority',
    async admit(request) {
      if (isPodCreation(request)) await resolve(request, classes);
      else if (isPodUpdate(request)) keep(request);
    },
    async validate(request) {
      if (request.definition.schemaName === priorityClasses.schemaName)
        await refuseSecondDefault(request, classes);
    },
  };
}

/** A manifest that is put again says nothing of what was resolved at the creation: that stays. */
function keep({ object, before }: AdmissionRequest): void {
  const { spec } = object as Pod;
  const { spec: known } = before as Pod;
  if (known.priority !== undefined) spec.priority ??= known.priority;
  if (known.preemptionPolicy !== undefined) spec.preemptionPolicy ??= known.preemptionPolicy;
}

async function resolve(request: AdmissionRequest, classes: PriorityClassReader): Promise<void> {
  const { spec } = request.object as Pod;
  const className = spec.priorityClassName ?? '';
  const found =
    className === ''
      ? lowestDefault(await classes.listPriorityClasses())
      : await classes.findPriorityClass(className);
  if (className !== '' && found === undefined)
    throw refused('pods', request.name, `no PriorityClass with name ${className} was found`);
  const value = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== value)
    throw refused(
      'pods',
      request.name,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
    throw refused(
      'pods',
      request.name,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  if (found !== undefined) spec.priorityClassName = found.metadata.name;
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

/** There is at most one, but for two that were made at the same moment: then the lower one is the safe choice. */
function lowestDefault(all: readonly PriorityClass[]): PriorityClass | undefined {
  return all.filter((one) => one.globalDefault === true).sort((a, b) => a.value - b.value)[0];
}

async function refuseSecondDefault(request: AdmissionRequest, classes: PriorityClassReader): Promise<void> {
  const made = request.object as PriorityClass | undefined;
  if (made?.globalDefault !== true) return;
  const other = (await classes.listPriorityClasses()).find(
    (one) => one.globalDefault === true && one.metadata.name !== made.metadata.name,
  );
  if (other !== undefined)
    throw refused(
      'priorityclasses.scheduling.k8s.io',
      request.name,
      `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
    );
}

function refused(resource: string, name: string, why: string): StatusError {
  const [kind = resource, ...group] = resource.split('.');
  return new StatusError('Forbidden', `${resource} "${name}" is forbidden: ${why}`, {
    details: { name, kind, ...(group.length === 0 ? {} : { group: group.join('.') }) },
  });
}
