/** A class for the values of one type with fields: the library knows types by their classes. */
export function structClass(): new () => Record<string, unknown> {
  return class Struct {
    [field: string]: unknown;
  };
}
