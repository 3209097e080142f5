/** RFC 7386 JSON Merge Patch. */

/** The patched copy of `current`; shares unchanged parts with it and added parts with the patch. */
export function applyMergePatch(current: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  // Without a prototype while it is being built, so that a key named `__proto__` is a key.
  const result = new Map<string, unknown>(isJsonObject(current) ? Object.entries(current) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, applyMergePatch(result.get(key), value));
  }
  return Object.fromEntries(result);
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
