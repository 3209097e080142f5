/**
 * A shallow copy of `object` without some of its fields. It is built up and not cut down: an object that a property was
 * deleted from is slow to read and to write as JSON ever after.
 */
export function omit<T extends object, K extends keyof T>(object: T, ...fields: readonly K[]): Omit<T, K> {
  const copy: Partial<T> = {};
  for (const field of Object.keys(object) as (keyof T)[])
    if (!(fields as readonly (keyof T)[]).includes(field)) copy[field] = object[field];
  return copy as Omit<T, K>;
}
