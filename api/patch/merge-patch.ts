/** RFC 7386 JSON Merge Patch. */

/** The patched copy of `current`; shares unchanged parts with it. */
export function applyMergePatch(_current: unknown, _patch: unknown): unknown {
  throw new Error('under construction');
}
