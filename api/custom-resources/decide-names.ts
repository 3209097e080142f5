/**
 * Which names a CustomResourceDefinition gets, and whether it may be served. Pure; the rules of Kubernetes: who was there
 * first keeps his names, and who wants a taken one keeps what he had before.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '../generated/apiextensions-v1.js';
import { sameJson } from '../apply/json-values.js';
import type { NewCondition } from './definition-status.js';
import { isConditionTrue, withCondition } from './definition-status.js';

/** The status with names and conditions brought up to date; the same one when nothing has to change. */
export function decideNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: string,
): CustomResourceDefinitionStatus {
  const { spec, status } = definition;
  const taken = takenNames(definition, others);
  const { names, conflict } = acceptNames(
    spec.names,
    status.acceptedNames ?? { plural: '', kind: '' },
    taken,
  );
  const accepted: NewCondition = conflict ?? {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  };
  let conditions = withCondition(status.conditions ?? [], accepted, now);
  // What has been served once goes on being served under the names that it has.
  if (!isConditionTrue(definition, 'Established'))
    conditions = withCondition(conditions, establishedBy(conflict === undefined), now);
  if (conditions === status.conditions && sameJson(names, status.acceptedNames)) return status;
  return { ...status, conditions, acceptedNames: names };
}

function establishedBy(isAccepted: boolean): NewCondition {
  return isAccepted
    ? {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      }
    : {
        type: 'Established',
        status: 'False',
        reason: 'NotAccepted',
        message: 'not all names are accepted',
      };
}

interface TakenNames {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

function takenNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { metadata, spec, status } of others) {
    if (spec.group !== definition.spec.group || metadata.name === definition.metadata.name) continue;
    const {
      plural = '',
      singular = '',
      shortNames = [],
      kind = '',
      listKind = '',
    } = status.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) resources.add(name);
    for (const name of [kind, listKind]) kinds.add(name);
  }
  return { resources, kinds };
}

interface AcceptedNames {
  readonly names: CustomResourceDefinitionNames;
  /** The condition that tells of the last conflict; undefined for none. */
  readonly conflict: NewCondition | undefined;
}

function acceptNames(
  wanted: CustomResourceDefinitionNames,
  before: CustomResourceDefinitionNames,
  taken: TakenNames,
): AcceptedNames {
  const names: CustomResourceDefinitionNames = { ...before };
  let conflict: NewCondition | undefined;
  const refuse = (reason: string, message: string): void => {
    conflict = { type: 'NamesAccepted', status: 'False', reason, message };
  };
  for (const [field, reason, others] of [
    ['plural', 'PluralConflict', taken.resources],
    ['singular', 'SingularConflict', taken.resources],
    ['kind', 'KindConflict', taken.kinds],
    ['listKind', 'ListKindConflict', taken.kinds],
  ] as const) {
    const name = wanted[field] ?? '';
    if (name !== before[field] && others.has(name)) refuse(reason, inUse(name));
    else names[field] = name;
  }
  const { shortNames = [] } = wanted;
  const own = new Set(before.shortNames);
  const clashing = shortNames.filter((name) => !own.has(name) && taken.resources.has(name));
  if (clashing.length > 0) refuse('ShortNamesConflict', listOf(clashing.map(inUse)));
  else setOrDelete(names, 'shortNames', wanted.shortNames);
  setOrDelete(names, 'categories', wanted.categories);
  return { names, conflict };
}

function inUse(name: string): string {
  return `${JSON.stringify(name)} is already in use`;
}

function listOf(messages: readonly string[]): string {
  return messages.length === 1 ? (messages[0] ?? '') : `[${messages.join(', ')}]`;
}

function setOrDelete(
  names: CustomResourceDefinitionNames,
  field: 'shortNames' | 'categories',
  value: string[] | undefined,
): void {
  if (value === undefined) Reflect.deleteProperty(names, field);
  else names[field] = value;
}
