/** Reads JSON that a client sent: refused with the place of the mistake, and before it can harm anything that walks it. */
import { isUtf8 } from 'node:buffer';
import { StatusError } from '../../api/status-error.js';

/** Deeper values would exhaust the stack of whatever walks them. No object of the API comes near. */
export const maxNestingDepth = 1000;

/** Parses JSON. Throws BadRequest. */
export function parseJson(bytes: Buffer): { readonly value: unknown; readonly text: string } {
  const text = decodeUtf8(bytes);
  try {
    checkNesting(text);
    return { value: JSON.parse(text) as unknown, text };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw unrecognized(`json parse error: ${describeMistake(text)}`, cause);
  }
}

/** Text of a body. Throws BadRequest for bytes that are no UTF-8: they would be stored as something else. */
export function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let [valid, invalid] = [0, bytes.length];
  // The end may cut a character in two: up to three bytes before it are looked at as well.
  const isValidUpTo = (length: number): boolean =>
    [0, 1, 2, 3].some((cut) => cut <= length && isUtf8(bytes.subarray(0, length - cut)));
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (isValidUpTo(middle)) valid = middle;
    else invalid = middle;
  }
  throw unrecognized(`the body is not valid UTF-8 near byte ${valid}`);
}

/** Throws BadRequest where lists and objects stand inside of each other too often. The text need not be valid JSON. */
function checkNesting(text: string): void {
  if (text.length < maxNestingDepth) return;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxNestingDepth)
        throw unrecognized(`exceeded max depth of ${maxNestingDepth} at offset ${at}`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}

/** The same for a value that came in another form than JSON. */
export function checkDepth(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxNestingDepth) throw unrecognized(`exceeded max depth of ${maxNestingDepth}`);
    level = level.flatMap((one): unknown[] =>
      typeof one === 'object' && one !== null ? Object.values(one) : [],
    );
  }
}

/** Index of the quote that closes the string which begins at `start`, or the text's length. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function unrecognized(why: string, cause?: unknown): StatusError {
  return new StatusError(
    'BadRequest',
    `the object provided is unrecognized (must be of type JSON or YAML): ${why}`,
    { cause },
  );
}

function describeMistake(text: string): string {
  const offset = findJsonError(text);
  return offset >= text.length
    ? `unexpected end of JSON input at offset ${text.length}`
    : `invalid character ${JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0))} at offset ${offset}`;
}

type Expected = 'value' | 'first-element' | 'key' | 'first-key' | 'colon' | 'after-value';

const whitespace = /[ \t\r\n]*/y;
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)(?![\w.+-])/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Where a text stops being JSON; its length when only the end is missing. The engine does not always tell. */
export function findJsonError(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = endOf(whitespace, text, 0) ?? 0;
  while (at < text.length) {
    const next = step(text, at, expected, open);
    if ('error' in next) return next.error;
    expected = next.expected;
    at = endOf(whitespace, text, next.at) ?? next.at;
  }
  return text.length;
}

type Step = { readonly at: number; readonly expected: Expected } | { readonly error: number };

function step(text: string, at: number, expected: Expected, open: ('{' | '[')[]): Step {
  const char = text[at] ?? '';
  const top = open.at(-1);
  const closes = char === (top === '{' ? '}' : ']') && top !== undefined;
  if (closes && (expected === 'after-value' || expected === 'first-key' || expected === 'first-element')) {
    open.pop();
    return { at: at + 1, expected: 'after-value' };
  }
  switch (expected) {
    case 'colon':
      return char === ':' ? { at: at + 1, expected: 'value' } : { error: at };
    case 'after-value':
      if (char !== ',' || top === undefined) return { error: at };
      return { at: at + 1, expected: top === '{' ? 'key' : 'value' };
    case 'key':
    case 'first-key':
      return char === '"' ? scanString(text, at, 'colon') : { error: at };
    case 'value':
    case 'first-element': {
      if (char === '"') return scanString(text, at, 'after-value');
      if (char === '{' || char === '[') {
        open.push(char);
        return { at: at + 1, expected: char === '{' ? 'first-key' : 'first-element' };
      }
      const end = endOf(scalar, text, at);
      return end === undefined ? { error: at } : { at: end, expected: 'after-value' };
    }
  }
}

function scanString(text: string, start: number, then: Expected): Step {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return { at: at + 1, expected: then };
    if (code < 0x20) return { error: at };
    if (code !== 0x5c) continue;
    const end = endOf(escape, text, at);
    if (end === undefined) return { error: at };
    at = end - 1;
  }
  return { error: text.length };
}

/** The end of what a sticky pattern matches at a place; undefined where it does not match. */
function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
