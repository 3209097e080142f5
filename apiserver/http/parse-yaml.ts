/** Reads YAML that a client sent, as kubectl and Kubernetes read it: YAML 1.1, with keys that may stand twice. */
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml';
import type { Document, ScalarTag, Tags } from 'yaml';
import { StatusError } from '../../api/status-error.js';
import { checkDepth, decodeUtf8, maxNestingDepth } from './parse-json.js';

/** An alias that stands for more than this is a bomb. */
const maxAliasCount = 100;
/** Each alias is a search for its anchor. */
const maxAliases = 100;
/** What the lexer says about the text, and is not of it: begin of a document, of a scalar, of an error. */
const markers: ReadonlySet<string> = new Set(['\u0002', '\u001f', '\u0018']);
/** Types that have no form in JSON. */
const foreignTags = /:(?:timestamp|binary|omap|pairs|set)$/;

/** Parses YAML (and so JSON); `duplicates` tells of keys that stood twice. Throws BadRequest. */
export function parseYaml(bytes: Buffer): {
  readonly value: unknown;
  readonly duplicates: () => readonly string[];
} {
  const text = decodeUtf8(bytes);
  checkTokens(text);
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      version: '1.1',
      uniqueKeys: false,
      lineCounter: lines,
      // What the parser would print belongs into the answer.
      logLevel: 'error',
      customTags: (tags) => tags.filter(isJsonTag),
    });
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    checkKeys(document, lines);
    const value: unknown = document.toJS({ maxAliasCount });
    checkDepth(value);
    return {
      value,
      duplicates: () => duplicatesIn(document, lines),
    };
  } catch (cause) {
    throw new StatusError('BadRequest', `yaml: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function isJsonTag(tag: Tags[number]): boolean {
  if (typeof tag === 'string') return true;
  // Numbers to the base of 60 are texts to everybody else: `12:30:45`.
  return !foreignTags.test(tag.tag) && (tag as ScalarTag).format !== 'TIME';
}

/**
 * Refuses what is nested too deeply, or has too many aliases, before the parser sees it, which takes a minute and gigabytes over three megabytes of
 * opening brackets. In block style every indicator or first token of a line that stands further to the right opens a level.
 */
function checkTokens(text: string): void {
  let flowDepth = 0;
  let aliases = 0;
  let column = 0;
  let isFirstOfLine = true;
  let indents: number[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    if (markers.has(lexeme)) continue;
    const first = lexeme[0] ?? '';
    if (first === '*' && ++aliases > maxAliases)
      throw new StatusError('BadRequest', `yaml: more than ${maxAliases} aliases`);
    if (first === '[' || first === '{') flowDepth++;
    else if (first === ']' || first === '}') flowDepth--;
    else if (flowDepth <= 0 && first.trim() !== '' && (isFirstOfLine || lexeme === '-' || lexeme === '?')) {
      if ((indents.at(-1) ?? -1) > column) indents = indents.filter((indent) => indent < column);
      if ((indents.at(-1) ?? -1) < column) indents.push(column);
    }
    if (flowDepth + indents.length > maxNestingDepth)
      throw new StatusError('BadRequest', `yaml: exceeded max depth of ${maxNestingDepth}`);
    if (first.trim() !== '') isFirstOfLine = false;
    const lineEnd = lexeme.lastIndexOf('\n');
    column = lineEnd < 0 ? column + lexeme.length : lexeme.length - lineEnd - 1;
    if (lineEnd >= 0) isFirstOfLine = true;
  }
}

/** JSON has texts for keys; a list or a mapping as a key would become its own text. */
function checkKeys(document: Document, lines: LineCounter): void {
  visit(document, {
    Pair: (_, { key }) => {
      const meant = isAlias(key) ? key.resolve(document) : key;
      if (!isCollection(meant)) return;
      const { line, col } = lines.linePos((isNode(key) ? key.range?.[0] : undefined) ?? 0);
      const what = isMap(meant) ? 'a mapping' : 'a list';
      throw new Error(
        `invalid map key at line ${line}, column ${col}: ${what} cannot be a key, write a text`,
      );
    },
  });
}

function duplicatesIn(document: Document, lines: LineCounter): readonly string[] {
  const problems: string[] = [];
  visit(document, {
    Map: (_, map) => {
      if (!isMap(map)) return;
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          const line = key.range == null ? 0 : lines.linePos(key.range[0]).line;
          problems.push(`line ${line}: key ${JSON.stringify(key.value)} already set in map`);
        }
        seen.add(key.value);
      }
    },
  });
  return problems;
}
