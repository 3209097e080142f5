import t from 'tap';
import { emptyObject } from '../../../api/apply/empty-object.js';
import type { FieldManager } from '../../../api/apply/managed-fields.js';
import {
  capUpdateManagers,
  managersBeforeUpdate,
  parseManagers,
  writeManagers,
} from '../../../api/apply/managed-fields.js';
import { checkManagerOptions, managerFromUserAgent } from '../../../api/apply/manager-name.js';
import { mergeTypeOf } from '../../../api/apply/merge-type.js';
import type { UpdateToTrack } from '../../../api/apply/track-update.js';
import { trackUpdate } from '../../../api/apply/track-update.js';
import { unmanagedFields } from '../../../api/apply/unmanaged-fields.js';
import type { ManagedFieldsEntry } from '../../../api/generated/meta-v1.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import { deepFreeze } from '../../support/deep-freeze.js';

const schema = loadSchema();

void t.test('the name of a manager from a User-Agent', async (t) => {
  const cases: [string | undefined, string][] = [
    ['kubectl/v1.35.0 (linux/amd64) kubernetes/abcdef', 'kubectl'],
    ['Mozilla/5.0 (X11)', 'Mozilla'],
    ['no-slash', 'no-slash'],
    ['with blank/1', 'with blank'],
    ['tab\there\u00a0\u200b/1', 'tabhere'],
    ['', ''],
    [undefined, ''],
    ['/x', ''],
    ['x'.repeat(200), 'x'.repeat(128)],
    [`${'x'.repeat(127)}ä`, 'x'.repeat(127)],
  ];
  for (const [userAgent, expected] of cases) t.equal(managerFromUserAgent(userAgent), expected);
});

void t.test('the parameters fieldManager and force', async (t) => {
  const check = (fieldManager: string, force: boolean | undefined, isApply: boolean): string => {
    try {
      checkManagerOptions('PatchOptions', { fieldManager, force, isApply });
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const head = 'PatchOptions.meta.k8s.io "" is invalid: ';
  t.equal(check('me', true, true), '');
  t.equal(check('', undefined, false), '');
  t.equal(check('', undefined, true), `${head}fieldManager: Required value: is required for apply patch`);
  t.equal(check('me', false, false), `${head}force: Forbidden: may not be specified for non-apply patch`);
  t.equal(
    check('x'.repeat(129), undefined, false),
    `${head}fieldManager: Too long: may not be more than 128 bytes`,
  );
  t.match(check('a\nb', undefined, false), 'should only contain printable characters');
});

function manager(
  name: string,
  time: string,
  fields: Record<string, object>,
  more: object = {},
): FieldManager {
  return {
    manager: name,
    operation: 'Update',
    apiVersion: 'v1',
    subresource: '',
    time,
    fields: fields as FieldManager['fields'],
    ...more,
  };
}

const at = (second: number): string =>
  new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString().replace('.000', '');

void t.test('entries: order, and what is left out', async (t) => {
  const entries = writeManagers([
    manager('b', at(2), { 'f:b': {}, 'f:a': {} }),
    manager('nobody', at(1), {}),
    manager('a', at(2), { 'f:a': {} }, { subresource: 'status' }),
    manager('a', at(2), { 'f:a': {} }),
    manager('old', '', { 'f:a': {} }),
    manager('z', at(9), { 'f:a': {} }, { operation: 'Apply' }),
  ]);
  t.strictSame(
    entries?.map(({ manager, subresource }) => [manager, subresource]),
    [
      ['z', undefined],
      ['old', undefined],
      ['a', undefined],
      ['a', 'status'],
      ['b', undefined],
    ],
  );
  t.equal(
    JSON.stringify(entries?.at(-1)),
    `{"manager":"b","operation":"Update","apiVersion":"v1","time":"${at(2)}","fieldsType":"FieldsV1","fieldsV1":{"f:a":{},"f:b":{}}}`,
  );
  t.notOk('time' in (entries?.[1] ?? {}), 'no time stays no time');
  t.equal(writeManagers([]), undefined);
});

void t.test('more than ten updating managers: the oldest become one', async (t) => {
  const many = (count: number): FieldManager[] =>
    Array.from({ length: count }, (_, index) => manager(`m${index}`, at(index), { [`f:f${index}`]: {} }));
  const applier = manager('applier', at(0), { 'f:x': {} }, { operation: 'Apply' });
  t.strictSame(capUpdateManagers([...many(10), applier]), [...many(10), applier], 'ten are kept');

  const capped = capUpdateManagers([...many(12), applier]);
  const names = capped.map((one) => one.manager);
  t.strictSame(
    names,
    [...Array.from({ length: 9 }, (_, index) => `m${index + 3}`), 'applier', 'ancient-changes'],
    'who applies is never merged away',
  );
  const bucket = capped.at(-1);
  t.strictSame(bucket?.fields, { 'f:f0': {}, 'f:f1': {}, 'f:f2': {} });
  t.equal(bucket?.time, at(2), 'as old as the youngest that went in');

  const again = capUpdateManagers([...capped, manager('new', at(20), { 'f:new': {} })]);
  t.equal(again.filter(({ operation }) => operation === 'Update').length, 10);
  t.strictSame(
    again.find((one) => one.manager === 'ancient-changes')?.fields,
    { 'f:f0': {}, 'f:f1': {}, 'f:f2': {}, 'f:f3': {} },
    'the next one joins them',
  );
  const mixed = many(11).map((one, index) => (index === 0 ? { ...one, apiVersion: 'v2' } : one));
  t.strictSame(
    capUpdateManagers(mixed)
      .map((one) => one.manager)
      .slice(0, 2),
    ['m0', 'm3'],
    'only changes of one API version are merged; one alone keeps its name',
  );
});

void t.test('entries that cannot be read', async (t) => {
  const good = {
    manager: 'a',
    operation: 'Update',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:a': {} },
  };
  t.equal(parseManagers([good])?.length, 1);
  t.equal(parseManagers([good, { ...good, fieldsV1: { 'f:b': {} } }])?.length, 1, 'twice the same');
  for (const bad of [
    { ...good, operation: 'Delete' },
    { ...good, apiVersion: '' },
    { ...good, fieldsType: 'FieldsV2' },
    { ...good, fieldsType: '' },
    { ...good, fieldsV1: { 'k:nonsense': {} } },
  ])
    t.equal(parseManagers([good, bad]), undefined, JSON.stringify(bad));
});

void t.test('managedFields in what a client sends', async (t) => {
  const live = [entry('live', { 'f:a': {} })];
  const other = [entry('other', { 'f:b': {} })];
  const cases: [string, ManagedFieldsEntry[] | undefined, string, string[]][] = [
    ['none', undefined, '', ['live']],
    ['an empty list is none', [], '', ['live']],
    ['the same', [entry('live', { 'f:a': {} })], '', ['live']],
    ['others', other, '', ['other']],
    ['a single empty entry takes all off', [{}], '', []],
    ['unreadable', [{ manager: 'x' }], '', ['live']],
    ['through a subresource', other, 'status', ['live']],
    ['taken off through a subresource', [{}], 'status', ['live']],
  ];
  for (const [name, sent, subresource, expected] of cases)
    t.strictSame(
      managersBeforeUpdate(live, sent, subresource).map((one) => one.manager),
      expected,
      name,
    );
});

function entry(name: string, fieldsV1: Record<string, unknown>): ManagedFieldsEntry {
  return {
    manager: name,
    operation: 'Update',
    apiVersion: 'v1',
    time: at(0),
    fieldsType: 'FieldsV1',
    fieldsV1,
  };
}

const podType = mergeTypeOf(schema, 'core/v1.Pod');

function track(more: Partial<UpdateToTrack>): readonly ManagedFieldsEntry[] | undefined {
  return trackUpdate({
    manager: 'me',
    apiVersion: 'v1',
    subresource: '',
    time: at(30),
    type: podType,
    unmanaged: unmanagedFields(podType, more.subresource === 'status' ? 'status' : 'main', true),
    before: emptyObject(schema, 'core/v1.Pod'),
    after: {},
    liveManagedFields: undefined,
    sentManagedFields: undefined,
    ...more,
  });
}

void t.test('the creation of a pod, as a real API server records it', async (t) => {
  const { object } = decodeObject(schema, 'core/v1.Pod', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', labels: { run: 'web' } },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'web:1',
          imagePullPolicy: 'IfNotPresent',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          ports: [{ containerPort: 80 }],
          resources: {},
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    },
  });
  const entries = track({ manager: 'kubectl-run', after: deepFreeze(object) });
  t.equal(
    JSON.stringify(entries?.[0]?.fieldsV1),
    '{"f:metadata":{"f:labels":{".":{},"f:run":{}}},"f:spec":{"f:containers":{"k:{\\"name\\":\\"web\\"}":{".":{},' +
      '"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},' +
      '"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},' +
      '"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},' +
      '"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},' +
      '"f:terminationGracePeriodSeconds":{}}}',
  );
  t.strictSame(
    { ...entries?.[0], fieldsV1: undefined },
    {
      manager: 'kubectl-run',
      operation: 'Update',
      apiVersion: 'v1',
      time: at(30),
      fieldsType: 'FieldsV1',
      fieldsV1: undefined,
    },
  );
});

void t.test('updates', async (t) => {
  const labels = (all: Record<string, string>): object => ({ metadata: { name: 'web', labels: all } });
  const owns = (...names: string[]): Record<string, unknown> => ({
    'f:metadata': { 'f:labels': { '.': {}, ...Object.fromEntries(names.map((name) => [`f:${name}`, {}])) } },
  });
  const before = labels({ a: '1', b: '1' });
  const live = deepFreeze([entry('me', owns('a')), entry('other', owns('a', 'b'))]);
  const show = (entries: readonly ManagedFieldsEntry[] | undefined): string[] =>
    (entries ?? []).map((one) => {
      const metadata = (one.fieldsV1?.['f:metadata'] ?? {}) as Record<string, object>;
      const names = Object.keys(metadata['f:labels'] ?? {}).join(' ');
      return `${one.manager ?? ''} ${one.time ?? ''}: ${names}`;
    });
  const start = { before, liveManagedFields: live };

  t.equal(
    track({ ...start, after: labels({ a: '1', b: '1' }) }),
    live,
    'nothing changes, nothing is written',
  );
  t.strictSame(
    show(track({ ...start, after: labels({ a: '2', b: '1' }) })),
    [`other ${at(0)}: . f:b`, `me ${at(30)}: . f:a`],
    'who changes a value takes it',
  );
  t.strictSame(
    show(track({ ...start, after: labels({ a: '1', b: '2' }) })),
    [`other ${at(0)}: . f:a`, `me ${at(30)}: . f:a f:b`],
    'and keeps what he had',
  );
  t.strictSame(
    show(track({ ...start, after: labels({ a: '1' }) })),
    [`me ${at(0)}: . f:a`, `other ${at(0)}: . f:a`],
    "what is gone is nobody's; who only removes gets no new time",
  );
  t.strictSame(show(track({ ...start, after: { metadata: {} } })), [], 'managers of nothing go');
  t.strictSame(show(track({ ...start, manager: '', after: labels({ a: '1', b: '1', c: '1' }) })), [
    `me ${at(0)}: . f:a`,
    `other ${at(0)}: . f:a f:b`,
    `unknown ${at(30)}: f:c`,
  ]);
  t.strictSame(
    show(track({ ...start, subresource: 'status', after: labels({ a: '1', b: '1', c: '1' }) })),
    [`me ${at(0)}: . f:a`, `other ${at(0)}: . f:a f:b`, `me ${at(30)}: f:c`],
    'a subresource has an entry of its own',
  );
  t.equal(
    track({ ...start, after: { ...before, status: { phase: 'Running' } } }),
    live,
    'status is not written through the main resource',
  );
  t.strictSame(show(track({ ...start, after: before, sentManagedFields: [{}] })), [], 'taken off');
  t.equal(track({ ...start, after: before, sentManagedFields: [] }), live);
  t.strictSame(
    show(track({ ...start, after: before, sentManagedFields: [entry('new', owns('a'))] })),
    [`new ${at(0)}: . f:a`],
    'rewritten, as kubectl does when it migrates from client-side apply',
  );
});

void t.test('a status update that only renews what its writer has costs no new sets', async (t) => {
  const fields = { 'f:status': { 'f:phase': {} } };
  const live = deepFreeze([
    { ...entry('kubelet', fields), subresource: 'status' },
    entry('creator', { 'f:spec': { 'f:nodeName': {} } }),
  ]);
  const entries = track({
    manager: 'kubelet',
    subresource: 'status',
    before: { status: { phase: 'Pending' } },
    after: { status: { phase: 'Running' } },
    liveManagedFields: live,
  });
  t.equal(entries?.[0], live[1], 'the entry of the other is passed on');
  t.equal(entries?.[1]?.fieldsV1, live[0]?.fieldsV1, 'the set is passed on');
  t.equal(entries?.[1]?.time, at(30));
});
