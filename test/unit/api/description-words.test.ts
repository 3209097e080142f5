/**
 * Every kind, type and field of the API is described in words, since `kubectl explain` shows nothing else of it.
 *
 * What can be checked of words is checked: that they are there, are short, are sentences, and say something of their own.
 */
import t from 'tap';
import { loadSchema } from '../../../api/schema/load.js';
import type { TypeDef } from '../../../api/schema/model.js';

interface Text {
  /** Full path: `core/v1.Pod.spec`. */
  readonly of: string;
  /** Last part of it: `spec`. */
  readonly name: string;
  readonly isField: boolean;
  readonly words: string;
  readonly limit: number;
}

const longest = { kind: 300, other: 160 };

function textsOf(type: TypeDef): Text[] {
  const isKind = type.is === 'object' && type.role === 'kind';
  const own = {
    of: type.name,
    name: type.shortName,
    isField: false,
    words: type.description,
    limit: isKind ? longest.kind : longest.other,
  };
  if (type.is !== 'object') return [own];
  const fields = type.ownFields.map(({ name, description }) => ({
    of: `${type.name}.${name}`,
    name,
    isField: true,
    words: description,
    limit: longest.other,
  }));
  return [own, ...fields];
}

/** Only letters, so that "The name." is seen to be no more than `name`. */
function bare(text: string): string {
  return text
    .replace(/^(the|a|an) /i, '')
    .replace(/[^a-z]/gi, '')
    .toLowerCase();
}

const types = loadSchema().packages.flatMap((pkg) => pkg.types);
const texts = types.flatMap(textsOf);

/** Where the texts are of which this holds; a failing test shows the list. */
const those = (isBad: (text: Text) => boolean): string[] => texts.filter(isBad).map(({ of }) => of);

void t.test('every kind, type and field has a description', async (t) => {
  t.ok(texts.length > 2500, 'the whole API is looked at');
  t.strictSame(
    those(({ words }) => words === ''),
    [],
  );
});

void t.test('descriptions are short', async (t) => {
  t.strictSame(
    those(({ words, limit }) => words.length > limit),
    [],
  );
});

void t.test('descriptions are sentences in plain characters', async (t) => {
  t.strictSame(
    those(({ words }) => !/^["A-Z0-9][\x20-\x7e]*\.$/.test(words)),
    [],
    'each begins with a capital letter and ends with a full stop',
  );
  t.strictSame(
    those(({ words }) => words.includes('*/')),
    [],
    'none ends the comment that it stands in, in api/generated',
  );
});

void t.test('descriptions say more than the name', async (t) => {
  t.strictSame(
    those(({ name, words }) => bare(words) === bare(name) || !words.includes(' ')),
    [],
  );
});

void t.test('no type says the same twice', async (t) => {
  const repeated = types.flatMap((type) => {
    const seen = new Set<string>();
    return textsOf(type).filter(({ words }) => seen.size === seen.add(words).size);
  });
  t.strictSame(
    repeated.map(({ of }) => of),
    [],
  );
});

void t.test('fields that share their words share their name', async (t) => {
  const firstNames = new Map<string, string>();
  const strangers = texts.filter(({ name, words, isField }) => {
    if (isField && !firstNames.has(words)) firstNames.set(words, name);
    return isField && firstNames.get(words) !== name;
  });
  t.strictSame(
    strangers.map(({ of, words }) => `${of}: ${words}`),
    [],
  );
});

void t.test('what is deprecated says what to use instead, or that it does nothing', async (t) => {
  const wayOut = /\b(use|see|ask|no longer|always empty|never filled|must be false|fails)\b/;
  t.strictSame(
    those(({ words }) => /deprecated/i.test(words) && !wayOut.test(words)),
    [],
  );
});
