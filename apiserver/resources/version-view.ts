/**
 * A second version of a kind: all rules are those of the version that is stored.
 *
 * Objects come in as the view, are converted, judged and completed as what is stored, and converted back; so the two versions can never
 * disagree about what is valid.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { VersionConversion } from '../storage/version-conversion.js';
import type { Strategy } from './strategy.js';

/**
 * The strategy of a view. `selectableFields` names the fields that the view calls otherwise (view's name to stored name);
 * without it the names are the same.
 */
export function strategyOfView<T extends KubernetesObject, S extends KubernetesObject>(
  definition: ResourceDefinition<T>,
  conversion: VersionConversion<T, S>,
  stored: Strategy<S>,
  selectableFields?: Readonly<Record<string, string>>,
): Strategy<T> {
  const toStored = (object: T): S => conversion.toStored(object);
  /** Lets a rule of the stored version change an object of the view. */
  const change = (object: T, rule: (object: S) => void): void => {
    const converted = toStored(structuredClone(object));
    rule(converted);
    const result = conversion.fromStored(converted);
    for (const key of Object.keys(object)) Reflect.deleteProperty(object, key);
    Object.assign(object, result);
  };
  const fields =
    selectableFields ??
    Object.fromEntries(Object.keys(stored.selectableFields ?? {}).map((name) => [name, name]));
  return {
    ...flags(stored as unknown as Strategy),
    definition,
    conversion: conversion,
    selectableFields: Object.fromEntries(
      Object.entries(fields).map(([name, storedName]) => [
        name,
        (object: T) => stored.selectableFields?.[storedName]?.(toStored(structuredClone(object))) ?? '',
      ]),
    ),
    setDefaults(object) {
      change(object, (one) => stored.setDefaults?.(one));
    },
    prepareForCreate(object, user) {
      change(object, (one) => stored.prepareForCreate?.(one, user));
    },
    prepareForUpdate(object, before) {
      change(object, (one) => stored.prepareForUpdate?.(one, toStored(structuredClone(before))));
    },
    validate(object, violations) {
      stored.validate(toStored(structuredClone(object)), violations);
    },
    validateCreate(object, violations) {
      stored.validateCreate?.(toStored(structuredClone(object)), violations);
    },
    validateUpdate(object, before, violations) {
      stored.validateUpdate?.(
        toStored(structuredClone(object)),
        toStored(structuredClone(before)),
        violations,
      );
    },
    validateStatusUpdate(object, before, violations) {
      stored.validateStatusUpdate?.(
        toStored(structuredClone(object)),
        toStored(structuredClone(before)),
        violations,
      );
    },
  };
}

/** What holds for all versions alike. */
function flags(
  stored: Strategy,
): Pick<
  Strategy,
  | 'validateName'
  | 'tracksGeneration'
  | 'allowsCreateOnUpdate'
  | 'orphansByDefault'
  | 'returnsDeletedObject'
  | 'ttlSeconds'
> {
  const {
    validateName,
    tracksGeneration,
    allowsCreateOnUpdate,
    orphansByDefault,
    returnsDeletedObject,
    ttlSeconds,
  } = stored;
  return {
    ...(validateName === undefined ? {} : { validateName }),
    ...(tracksGeneration === undefined ? {} : { tracksGeneration }),
    ...(allowsCreateOnUpdate === undefined ? {} : { allowsCreateOnUpdate }),
    ...(orphansByDefault === undefined ? {} : { orphansByDefault }),
    ...(returnsDeletedObject === undefined ? {} : { returnsDeletedObject }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  };
}
