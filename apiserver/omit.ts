/** A shallow copy of `object` without some of its fields. */
export function omit<T extends object, K extends keyof T>(object: T, ...fields: readonly K[]): Omit<T, K> {
  const copy: Partial<T> = { ...object };
  for (const field of fields) Reflect.deleteProperty(copy, field);
  return copy as Omit<T, K>;
}
