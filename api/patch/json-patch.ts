/** RFC 6902 JSON Patch. */

/**
 * The patched copy of `current`. `patch` is the parsed body. Throws StatusError: BadRequest for a patch that is not one,
 * Invalid (422) for an operation that cannot be applied (a failed `test` included).
 */
export function applyJsonPatch(_current: unknown, _patch: unknown): unknown {
  throw new Error('under construction');
}
