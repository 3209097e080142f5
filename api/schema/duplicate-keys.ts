/** Finds keys that appear twice in one JSON object: JSON.parse silently keeps the last one. */

/** Paths of keys that appear more than once in their object, each once, in order of appearance. */
export function findDuplicateKeys(_jsonText: string): string[] {
  throw new Error('under construction');
}
