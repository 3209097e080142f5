/**
 * What comes from outside, made up at random: whatever it is, it is read or refused with a StatusError, and what was read
 * means the same when it is written and read again. The seed is fixed; `FUZZ_SEED=… FUZZ_PATH=…`, as printed with a failure,
 * play one case again.
 */
import fc from 'fast-check';
import t from 'tap';
import { isStatusError } from '../../../api/status-error.js';
import { applyJsonPatch } from '../../../api/patch/json-patch.js';
import { applyMergePatch } from '../../../api/patch/merge-patch.js';
import { applyStrategicMergePatch } from '../../../api/patch/strategic-merge-patch.js';
import { decodeProtobuf, encodeProtobuf } from '../../../api/protobuf/envelope.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import {
  formatFieldSelector,
  formatLabelSelector,
  parseFieldSelector,
  parseLabelSelector,
} from '../../../api/selectors.js';
import { decodeContinue, encodeContinue } from '../../../apiserver/handlers/continue-token.js';
import { findJsonError, parseJson } from '../../../apiserver/http/parse-json.js';
import { parseYaml } from '../../../apiserver/http/parse-yaml.js';
import { fuzz, randomJson, randomKey } from '../../support/fuzz.js';

const schema = loadSchema();

/** The result, or undefined where it was refused in the one way that is allowed. */
function unlessRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isStatusError(error)) return undefined;
    throw error;
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const text = fc.oneof(
  fc.string({ maxLength: 60, unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        'a',
        '1',
        '-',
        ' ',
        '\n',
        '&a',
        '*a',
        '#',
        '|',
        '\\',
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join('')),
  randomJson.map((value) => JSON.stringify(value)),
);

/** A Pod that the description accepts. */
const name = fc.constantFrom('a', 'b', 'c', 'd');
const pod = fc
  .record({
    labels: fc.dictionary(name, name, { maxKeys: 3 }),
    containers: fc.uniqueArray(
      fc.record(
        { name, image: name, args: fc.array(name, { maxLength: 3 }), tty: fc.boolean() },
        { requiredKeys: ['name'] },
      ),
      { maxLength: 4, selector: (one) => one.name },
    ),
    graceSeconds: fc.integer({ min: 0, max: 60 }),
  })
  .map(
    ({ labels, containers, graceSeconds }) =>
      decodeObject(schema, 'core/v1.Pod', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'x', labels },
        spec: { containers, terminationGracePeriodSeconds: graceSeconds },
      }).object,
  );

void t.test('JSON', async (t) => {
  fuzz(
    fc.property(text, (source) => {
      const read = unlessRefused(() => parseJson(Buffer.from(source)));
      let isJson = true;
      try {
        JSON.parse(source);
      } catch {
        isJson = false;
      }
      // The place of the mistake is found exactly where there is one.
      const wellFormed = Buffer.from(source).toString() === source;
      return (
        !wellFormed || ((read !== undefined) === isJson && (isJson || findJsonError(source) <= source.length))
      );
    }),
  );
  fuzz(fc.property(randomJson, (value) => same(parseJson(Buffer.from(JSON.stringify(value))).value, value)));
  fuzz(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      (bytes) => (unlessRefused(() => parseJson(Buffer.from(bytes))), true),
    ),
  );
  t.pass('read as the engine reads it, or refused');
});

void t.test('YAML', async (t) => {
  fuzz(fc.property(text, (source) => (unlessRefused(() => parseYaml(Buffer.from(source))), true)));
  fuzz(fc.property(randomJson, (value) => same(parseYaml(Buffer.from(JSON.stringify(value))).value, value)));
  t.pass('JSON is YAML, and everything else is refused or read');
});

void t.test('objects: what was decoded decodes to itself', async (t) => {
  for (const type of ['core/v1.Pod', 'apps/v1.Deployment', 'core/v1.ConfigMap', 'networking/v1.Ingress'])
    fuzz(
      fc.property(randomJson, (value) => {
        const once = unlessRefused(() => decodeObject(schema, type, value).object);
        return once === undefined || same(decodeObject(schema, type, once).object, once);
      }),
    );
  t.pass('idempotent');
});

void t.test('protobuf', async (t) => {
  fuzz(
    fc.property(pod, (object) => {
      const back = decodeObject(
        schema,
        'core/v1.Pod',
        decodeProtobuf(schema, encodeProtobuf(schema, 'core/v1.Pod', object)),
      ).object;
      return encodeProtobuf(schema, 'core/v1.Pod', back).equals(
        encodeProtobuf(schema, 'core/v1.Pod', object),
      );
    }),
  );
  const magic = Buffer.from('k8s\0');
  fuzz(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      (bytes) => (
        unlessRefused(() => decodeProtobuf(schema, Buffer.concat([magic, bytes]), 'core/v1.Pod')),
        true
      ),
    ),
  );
  fuzz(
    fc.property(pod, fc.nat(), fc.integer({ min: 0, max: 255 }), (object, at, byte) => {
      const bytes = Buffer.from(encodeProtobuf(schema, 'core/v1.Pod', object));
      bytes[at % bytes.length] = byte;
      unlessRefused(() => decodeProtobuf(schema, bytes, 'core/v1.Pod'));
      return true;
    }),
  );
  t.pass('both ways, and with one byte wrong');
});

void t.test('patches: a second time they change nothing, and never what they were given', async (t) => {
  const forms: Readonly<Record<string, (current: unknown, patch: unknown) => unknown>> = {
    merge: applyMergePatch,
    strategic: (current, patch) => applyStrategicMergePatch(current, patch, schema, 'core/v1.Pod'),
  };
  for (const apply of Object.values(forms))
    fuzz(
      fc.property(pod, fc.oneof(randomJson, pod), (current, patch) => {
        const before = JSON.stringify([current, patch]);
        const first = unlessRefused(() => apply(current, patch));
        if (JSON.stringify([current, patch]) !== before) return false;
        // `$patch: replace` and order lists say what to do, and not what is to be.
        if (first === undefined || before.includes('"$')) return true;
        return same(sorted(apply(first, patch)), sorted(first));
      }),
    );
  const pointer = fc
    .array(fc.oneof(randomKey, fc.constantFrom('-', '0', '1', '00', '~1', '~')), { maxLength: 4 })
    .map((steps) => steps.map((step) => `/${step}`).join(''));
  const operation = fc.record(
    {
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
      path: pointer,
      from: pointer,
      value: randomJson,
    },
    { requiredKeys: ['op', 'path'] },
  );
  fuzz(
    fc.property(pod, fc.oneof(randomJson, fc.array(operation, { maxLength: 6 })), (current, patch) => {
      const before = JSON.stringify(current);
      unlessRefused(() => applyJsonPatch(current, patch));
      return JSON.stringify(current) === before && ({} as Record<string, unknown>)['name'] === undefined;
    }),
  );
  t.strictSame(Object.keys(Object.prototype), [], 'nobody has touched what all objects share');
});

/** With the keys of objects in order, which a patch need not keep. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([member, inner]) => [member, sorted(inner)]);
}

void t.test('selectors: what is printed reads as what was printed', async (t) => {
  const piece = fc.constantFrom(
    'a',
    'b.c/d',
    'in',
    'notin',
    '=',
    '==',
    '!=',
    '!',
    ',',
    '(',
    ')',
    ' ',
    '<',
    '>',
    '1',
    '\\',
    'x y',
    '_',
  );
  const selector = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.string({ maxLength: 20 }),
  );
  fuzz(
    fc.property(selector, (source) => {
      const read = unlessRefused(() => parseLabelSelector(source));
      return read === undefined || same(parseLabelSelector(formatLabelSelector(read)), read);
    }),
  );
  fuzz(
    fc.property(selector, (source) => {
      const read = unlessRefused(() => parseFieldSelector(source));
      return read === undefined || same(parseFieldSelector(formatFieldSelector(read)), read);
    }),
  );
  t.pass('parse of print is identity');
});

void t.test('continue tokens', async (t) => {
  fuzz(
    fc.property(
      fc.oneof(
        fc.string(),
        randomJson.map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      ),
      (token) => {
        const read = unlessRefused(() => decodeContinue(token));
        return read === undefined || same(decodeContinue(encodeContinue(read)), read);
      },
    ),
  );
  fuzz(
    fc.property(fc.integer({ min: 1 }), fc.string({ minLength: 1 }), (revision, start) => {
      const read = unlessRefused(() => decodeContinue(encodeContinue({ revision, start })));
      return read === undefined
        ? start.startsWith('/') || start.split('/').includes('..')
        : same(read, { revision, start });
    }),
  );
  t.pass('nothing but what was made here');
});
