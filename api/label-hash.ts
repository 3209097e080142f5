/**
 * The hash in `pod-template-hash`: FNV-1a (32 bit) of a canonical text, written with letters and digits that cannot
 * form a word.
 */

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a, 32 bit, over UTF-8. Not for security. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The decimal digits of `value`, each replaced by a character of the alphabet without vowels and 0, 1, 3. */
export function safeEncode(value: string): string {
  let encoded = '';
  for (let at = 0; at < value.length; at++) encoded += alphabet[value.charCodeAt(at) % alphabet.length] ?? '';
  return encoded;
}

/** JSON with sorted keys and without undefined, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * The label value for a pod template. `collisionCount` (Deployment status) is mixed in, so that a controller can move on
 * after a collision. Stable over key order; not the same value that Kubernetes computes (it hashes a Go dump).
 */
export function podTemplateHash(template: unknown, collisionCount = 0): string {
  const text = canonicalJson(template) + (collisionCount > 0 ? `#${String(collisionCount)}` : '');
  return safeEncode(String(fnv1a32(text)));
}
