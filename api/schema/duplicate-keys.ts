/** Finds keys that appear twice in one JSON object: JSON.parse silently keeps the last one. */

interface Frame {
  /** Keys seen so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  /** The key or the index under way. */
  at: string | number;
}

/**
 * Paths of keys that appear more than once in their object, each once, in order of appearance:
 * `spec.containers[0].name`. The text must be valid JSON.
 */
export function findDuplicateKeys(jsonText: string): string[] {
  const duplicates = new Set<string>();
  const frames: Frame[] = [];
  let expectsKey = false;
  for (let at = 0; at < jsonText.length; at++) {
    const top = frames[frames.length - 1];
    switch (jsonText.charCodeAt(at)) {
      case 0x7b: // {
        frames.push({ keys: new Set(), at: '' });
        expectsKey = true;
        break;
      case 0x5b: // [
        frames.push({ keys: undefined, at: 0 });
        expectsKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        frames.pop();
        expectsKey = false;
        break;
      case 0x2c: // ,
        expectsKey = top?.keys !== undefined;
        if (typeof top?.at === 'number') top.at++;
        break;
      case 0x22: {
        const end = endOfString(jsonText, at);
        if (expectsKey && top?.keys !== undefined) {
          const raw = jsonText.slice(at + 1, end);
          top.at = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
          if (top.keys.has(top.at)) duplicates.add(pathOf(frames));
          top.keys.add(top.at);
          expectsKey = false;
        }
        at = end;
        break;
      }
      default:
    }
  }
  return [...duplicates];
}

/** Index of the quote that closes the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  for (; end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function pathOf(frames: readonly Frame[]): string {
  let path = '';
  for (const { at } of frames) {
    if (typeof at === 'number') path += `[${String(at)}]`;
    else path += path === '' ? at : `.${at}`;
  }
  return path;
}
