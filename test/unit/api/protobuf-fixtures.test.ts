/** Every kind with every field set, in both forms: each must give the other, byte for byte. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decodeProtobuf, encodeProtobuf } from '../../../api/protobuf/envelope.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import type { Schema } from '../../../api/schema/model.js';
import { packageRoot } from '../../../common/paths.js';

const schema = loadSchema();
/** Laid beside the checkout where the project is developed. */
const fixtures = join(packageRoot(), '../shared/fixtures/api-roundtrip');
const skip = existsSync(fixtures) ? false : 'there are no fixtures beside this checkout';

void t.test('JSON and protobuf give each other for every kind with every field set', { skip }, async (t) => {
  const names = readdirSync(fixtures).filter((name) => name.endsWith('.json'));
  t.ok(names.length >= 89, 'all fixtures are there');
  for (const name of names) {
    const schemaName = schemaNameOf(schema, name);
    const json = JSON.parse(readFileSync(join(fixtures, name), 'utf8')) as object;
    const bytes = readFileSync(join(fixtures, name.replace(/json$/, 'pb')));
    const read = decodeProtobuf(schema, bytes, schemaName);
    t.strictSame(read, json, `${name}: protobuf becomes the JSON`);
    t.equal(
      encodeProtobuf(schema, schemaName, read).toString('hex'),
      bytes.toString('hex'),
      `${name}: and back`,
    );
    const { object } = decodeObject<object>(schema, schemaName, json);
    const written = encodeProtobuf(schema, schemaName, object);
    t.equal(written.toString('hex'), bytes.toString('hex'), `${name}: the JSON becomes the protobuf`);
    t.strictSame(decodeProtobuf(schema, written, schemaName), json, `${name}: and back`);
  }
});

/** `apps.v1.Deployment.json`, `networking.k8s.io.v1.Ingress.json`; what all groups share is filed under `core`. */
function schemaNameOf({ packages, types }: Schema, file: string): string {
  const [, group = '', version = '', kind = ''] = /^(.+)\.(v\d+)\.(\w+)\.json$/.exec(file) ?? [];
  const pkg = packages.find(
    (one) => (one.group === '' ? 'core' : one.group) === group && one.version === version,
  );
  const name = `${pkg?.id ?? 'core/v1'}.${kind}`;
  return types.has(name) ? name : `meta/v1.${kind}`;
}
