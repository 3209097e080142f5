/** OpenAPI documents of several servers as one. */
import t from 'tap';
import { mergeDocuments, partOfDocument } from '../../../api/openapi/merge-documents.js';
import type { DocumentV2 } from '../../../api/openapi/documents.js';
import { hasGnosticForm } from '../../../api/openapi/gnostic-encoding.js';

const ref = (name: string): object => ({ $ref: `#/definitions/${name}` });
const operation = (name: string): object => ({
  operationId: name,
  tags: [],
  responses: { 200: { description: 'OK', schema: ref(name) } },
});
const root = '/apis/metrics.example.com/v1';
const remote = {
  swagger: '2.0',
  info: { title: 'other', version: '1' },
  paths: {
    [`${root}/readings`]: { get: operation('Reading'), 'x-more': 1 },
    [`${root}beta1/readings`]: { get: operation('Unused') },
    '/healthz': { get: operation('Unused') },
  },
  definitions: {
    Reading: {
      type: 'object',
      properties: { meta: ref('Meta'), list: { type: 'array', items: ref('Item') } },
    },
    Meta: { type: 'object', description: 'theirs' },
    Item: { type: 'string', properties: { again: ref('Reading') } },
    Unused: { type: 'object' },
  },
};
const own = {
  swagger: '2.0',
  info: { title: 'Knarr', version: '1' },
  paths: { '/api/v1': { get: operation('Meta') } },
  definitions: { Meta: { type: 'object', description: 'ours' }, Item: remote.definitions.Item },
} as unknown as DocumentV2;

void t.test('a part is what a server serves, and what that needs', async (t) => {
  const part = partOfDocument(remote, root);
  t.strictSame(Object.keys(part.paths), [`${root}/readings`]);
  t.strictSame(part.paths[`${root}/readings`], { get: operation('Reading'), parameters: [] });
  t.strictSame(Object.keys(part.definitions).sort(), ['Item', 'Meta', 'Reading']);
  t.ok(hasGnosticForm(part));
  for (const bad of [null, [], { swagger: '3.0', paths: {} }, { swagger: '2.0' }])
    t.throws(() => partOfDocument(bad, root), SyntaxError);
});

void t.test('names that are taken get a number', async (t) => {
  const merged = mergeDocuments(own, [partOfDocument(remote, root)]);
  t.strictSame(Object.keys(merged.definitions).sort(), ['Item', 'Meta', 'Meta_v2', 'Reading']);
  t.match(merged.definitions['Meta'], { description: 'ours' });
  t.match(merged.definitions['Meta_v2'], { description: 'theirs' });
  t.match(merged.definitions['Reading'], { properties: { meta: { $ref: '#/definitions/Meta_v2' } } });
  t.match(merged.paths['/api/v1'], { get: { operationId: 'Meta' } });
  t.match(merged.paths[`${root}/readings`], {
    get: { responses: { 200: { schema: { $ref: '#/definitions/Reading' } } } },
  });
  t.strictSame(Object.keys(own.definitions), ['Meta', 'Item'], 'the document itself is left alone');
});
