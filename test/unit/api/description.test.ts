/** The description of the API holds together: it parses, its generated types are current, it agrees with the facts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decodeObject } from '../../../api/schema/decode.js';
import { generateTypes } from '../../../api/schema/generate-types.js';
import { loadSchema } from '../../../api/schema/load.js';
import type { Schema } from '../../../api/schema/model.js';
import { parseSchema, SchemaSyntaxError } from '../../../api/schema/parse.js';
import { packageRoot } from '../../../common/paths.js';
import { differencesFromFacts } from '../../support/api-facts.js';
import type { FactsFile } from '../../support/api-facts.js';

const schema = loadSchema();
/** Facts about the public interfaces, laid beside the checkout where the project is developed. */
const shared = join(packageRoot(), '../shared');
const factsFile = join(shared, 'facts/api-v1.35.json');
const fixtures = join(shared, 'fixtures/api-roundtrip');

/** Options of a test that runs only where these files are, and says so where they are not. */
function needs(path: string, what: string): { skip: string | false } {
  return { skip: existsSync(path) ? false : `there are no ${what} beside this checkout` };
}

void t.test('api/generated is what the description says (npm run generate)', async (t) => {
  const folder = join(packageRoot(), 'api/generated');
  const generated = generateTypes(schema);
  t.strictSame(readdirSync(folder).sort(), [...generated.keys()].sort());
  for (const [name, text] of generated)
    t.ok(readFileSync(join(folder, name), 'utf8') === text, `${name} is current`);
});

void t.test('mistakes in a description are reported with file and line', async (t) => {
  const head = 'package io.k8s.api.test.v1\ngroup "test" version v1\n';
  const cases: [string, string][] = [
    ['  a: string', 'a field stands outside of a type'],
    ['kind A', 'a kind is either "namespaced" or "cluster"'],
    ['struct A', '"struct" is not one of package, group, kind, object, type, enum, alias, union'],
    ['type A\n  a string', 'cannot read the field "a string"'],
    ['union A string = 1 | boolean', 'cannot read the form "boolean" of a union'],
    ['type A\n  a: string fancy', '"fancy" is not a flag of a field'],
    ['type A\n  a: []string list:heap', 'list:heap is not one of list:atomic, list:set, list:map(key,…)'],
  ];
  for (const [text, message] of cases) {
    const lines = (head + text).split('\n').length;
    const files = [{ name: 'test.v1.api', text: head + text }];
    t.throws(() => parseSchema(files), new SchemaSyntaxError('test.v1.api', lines, message), text);
  }
  const misnamed = [{ name: 'test.api', text: head }];
  t.throws(() => parseSchema(misnamed), /a description is named <group>\.<version>\.api/);
  const dangling = [{ name: 'test.v1.api', text: `${head}type A\n  b: B` }];
  t.throws(() => parseSchema(dangling), /test\/v1\.A\.b refers to test\/v1\.B, which is not described/);
  const twice = [{ name: 'test.v1.api', text: `${head}type A\ntype A` }];
  t.throws(() => parseSchema(twice), /described twice/);
});

void t.test(
  'names, types, numbers and merge keys agree with the facts',
  needs(factsFile, 'facts'),
  async (t) => {
    const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as FactsFile;
    t.strictSame(differencesFromFacts(schema, facts), []);
  },
);

void t.test(
  'decoding gives an object with every field set back unchanged',
  needs(fixtures, 'fixtures'),
  async (t) => {
    for (const name of readdirSync(fixtures).filter((one) => one.endsWith('.json'))) {
      const json: unknown = JSON.parse(readFileSync(join(fixtures, name), 'utf8'));
      const { object, unknownFields } = decodeObject(schema, schemaNameOf(schema, name), json);
      t.strictSame(unknownFields, [], `${name} has no unknown fields`);
      t.strictSame(object, json, `${name} comes back unchanged`);
    }
  },
);

/** `apps.v1.Deployment.json`, `networking.k8s.io.v1.Ingress.json`; what all groups share is filed under `core`. */
function schemaNameOf({ packages, types }: Schema, file: string): string {
  const match = /^(.+)\.(v\d+)\.(\w+)\.json$/.exec(file);
  const [, group = '', version = '', kind = ''] = match ?? [];
  const pkg = packages.find(
    (one) => (one.group === '' ? 'core' : one.group) === group && one.version === version,
  );
  const name = `${pkg?.id ?? 'core/v1'}.${kind}`;
  return types.has(name) ? name : `meta/v1.${kind}`;
}
