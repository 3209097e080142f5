import t from 'tap';
import type { Applied, ApplyRequest } from '../../../api/apply/apply.js';
import { applyConfiguration } from '../../../api/apply/apply.js';
import { mergeTypeOf } from '../../../api/apply/merge-type.js';
import { trackUpdate } from '../../../api/apply/track-update.js';
import { unmanagedFields } from '../../../api/apply/unmanaged-fields.js';
import type { ManagedFieldsEntry, StatusCause } from '../../../api/generated/meta-v1.js';
import { describedType } from '../../../api/object-type.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import { StatusError } from '../../../api/status-error.js';
import { deepFreeze } from '../../support/deep-freeze.js';

const schema = loadSchema();

interface Thing {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly managedFields?: readonly ManagedFieldsEntry[];
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

let second = 0;
function now(): string {
  return new Date(Date.UTC(2026, 0, 1) + ++second * 1000).toISOString().replace('.000', '');
}

const schemaNames: Record<string, string> = {
  Deployment: 'apps/v1.Deployment',
  ConfigMap: 'core/v1.ConfigMap',
  Service: 'core/v1.Service',
  Pod: 'core/v1.Pod',
};

function schemaNameOf(kind: string): string {
  return schemaNames[kind] ?? '';
}

/** Applies as the server does, defaults of the schema included. */
function apply(
  live: Thing | undefined,
  config: Thing,
  manager: string,
  more: Partial<ApplyRequest> = {},
): Thing {
  return stored(config.kind, applyRaw(live, config, manager, more));
}

function applyRaw(
  live: Thing | undefined,
  config: Thing,
  manager: string,
  more: Partial<ApplyRequest> = {},
): Applied {
  const schemaName = schemaNameOf(config.kind);
  const type = mergeTypeOf(schema, schemaName);
  const part = more.subresource === 'status' ? 'status' : 'main';
  return applyConfiguration({
    type: describedType(schema, schemaName),
    unmanaged: unmanagedFields(type, part, config.kind !== 'ConfigMap'),
    config: deepFreeze(config),
    live,
    manager,
    apiVersion: config.apiVersion,
    subresource: '',
    time: now(),
    force: false,
    ...more,
  });
}

function stored(kind: string, { object, managedFields }: Applied): Thing {
  const filled = decodeObject<Thing>(schema, schemaNameOf(kind), object).object;
  return deepFreeze({
    ...filled,
    metadata: { ...filled.metadata, ...(managedFields === undefined ? {} : { managedFields }) },
  });
}

/** Writes as PUT does. */
function update(live: Thing, next: Thing, manager: string): Thing {
  const type = mergeTypeOf(schema, schemaNameOf(live.kind));
  const managedFields = trackUpdate({
    manager,
    apiVersion: live.apiVersion,
    subresource: '',
    time: now(),
    type,
    unmanaged: unmanagedFields(type, 'main', true),
    before: live,
    after: next,
    liveManagedFields: live.metadata.managedFields,
    sentManagedFields: undefined,
  });
  return deepFreeze({ ...next, metadata: { ...next.metadata, ...(managedFields && { managedFields }) } });
}

const configMap = (data: Record<string, unknown>, metadata: object = {}): Thing => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cm', namespace: 'default', ...metadata },
  data,
});

const deployment = (spec: object, metadata: object = {}): Thing => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec,
});

const withContainers = (...containers: object[]): Thing =>
  deployment({ selector: { matchLabels: { app: 'web' } }, template: { spec: { containers } } });

function refusal(action: () => unknown): StatusError {
  try {
    action();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function fieldsOf(object: Thing, manager: string): string {
  const entry = object.metadata.managedFields?.find((one) => one.manager === manager);
  return entry === undefined ? '' : JSON.stringify(entry.fieldsV1);
}

void t.test('an apply that creates', async (t) => {
  const created = apply(undefined, configMap({ a: '1' }, { labels: { app: 'x' } }), 'me');
  t.strictSame(created['data'], { a: '1' });
  t.equal(
    JSON.stringify(created.metadata.managedFields),
    `[{"manager":"me","operation":"Apply","apiVersion":"v1","time":"${lastTime()}","fieldsType":"FieldsV1",` +
      '"fieldsV1":{"f:data":{"f:a":{}},"f:metadata":{"f:labels":{"f:app":{}}}}}]',
    'name, namespace, kind and version have no manager; the maps themselves neither',
  );
});

function lastTime(): string {
  return new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().replace('.000', '');
}

void t.test('applying the same again changes nothing, not even a time', async (t) => {
  const config = withContainers({ name: 'a', image: 'a:1', resources: { limits: { cpu: '1000m' } } });
  const created = apply(undefined, config, 'me');
  const again = applyRaw(created, config, 'me');
  t.equal(again.managedFields, created.metadata.managedFields);
  t.strictSame(stored('Deployment', again), created);
});

void t.test('conflicts name manager and field', async (t) => {
  const live = update(
    apply(undefined, deployment({ replicas: 1, minReadySeconds: 1 }), 'first'),
    deployment({ replicas: 5, minReadySeconds: 1 }),
    'scaler',
  );
  const one = refusal(() => applyRaw(live, deployment({ replicas: 3 }), 'second'));
  t.equal(one.code, 409);
  t.equal(one.reason, 'Conflict');
  t.equal(one.message, 'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas');
  t.strictSame(one.details?.causes, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "scaler" using apps/v1',
      field: '.spec.replicas',
    },
  ] satisfies StatusCause[]);

  const two = refusal(() => applyRaw(live, deployment({ replicas: 3, minReadySeconds: 2 }), 'second'));
  t.equal(
    two.message,
    'Apply failed with 2 conflicts: conflicts with "first":\n- .spec.minReadySeconds\n' +
      'conflicts with "scaler" using apps/v1:\n- .spec.replicas',
  );
  t.equal(two.details?.causes?.length, 2);
});

void t.test('the same value is shared, another one conflicts, force takes over', async (t) => {
  const first = apply(undefined, configMap({ a: '1' }), 'first');
  const shared = apply(first, configMap({ a: '1', b: '1' }), 'second');
  t.equal(fieldsOf(shared, 'first'), '{"f:data":{"f:a":{}}}');
  t.equal(fieldsOf(shared, 'second'), '{"f:data":{"f:a":{},"f:b":{}}}');
  t.equal(
    refusal(() => applyRaw(shared, configMap({ a: '2' }), 'first')).message,
    'Apply failed with 1 conflict: conflict with "second": .data.a',
  );
  const forced = apply(shared, configMap({ a: '2' }), 'first', { force: true });
  t.strictSame(forced['data'], { a: '2', b: '1' });
  t.equal(fieldsOf(forced, 'first'), '{"f:data":{"f:a":{}}}');
  t.equal(fieldsOf(forced, 'second'), '{"f:data":{"f:b":{}}}', 'what was taken is lost');
  const all = apply(forced, configMap({ a: '2', b: '2' }), 'first', { force: true });
  t.equal(fieldsOf(all, 'second'), '', 'who manages nothing has no entry');
});

void t.test('what is left out is given up', async (t) => {
  const first = apply(undefined, configMap({ a: '1', b: '1', c: '1' }, { labels: { x: '1' } }), 'first');
  const shared = apply(first, configMap({ b: '1' }), 'second');
  const updated = update(shared, { ...shared, data: { a: '1', b: '1', c: '2' } }, 'updater');
  const less = apply(updated, configMap({}), 'first');
  t.strictSame(less['data'], { b: '1', c: '2' }, 'only what nobody else manages goes');
  t.equal('labels' in less.metadata, false, 'a map that is empty then goes, too');
  t.equal(fieldsOf(less, 'first'), '{"f:data":{}}', 'an empty map in a configuration is managed');
  t.equal(fieldsOf(less, 'second'), '{"f:data":{"f:b":{}}}');
  t.equal(fieldsOf(less, 'updater'), '{"f:data":{"f:c":{}}}');
});

void t.test('a field that was given up goes: the server then fills in its default', async (t) => {
  const three = apply(undefined, deployment({ replicas: 3, minReadySeconds: 5 }), 'me');
  const less = apply(three, deployment({ minReadySeconds: 5 }), 'me');
  t.notOk('replicas' in (less['spec'] as object));
  t.equal(fieldsOf(less, 'me'), '{"f:spec":{"f:minReadySeconds":{}}}');
});

void t.test('who gives up all that is in a struct and still names it, keeps it empty', async (t) => {
  const pod = (spec: object): Thing => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec });
  const full = applyRaw(undefined, pod({ nodeSelector: { a: 'a' } }), 'me');
  const live = { ...full.object, metadata: { name: 'x', managedFields: full.managedFields } };
  const less = applyRaw(live as unknown as Thing, pod({}), 'me');
  t.strictSame(less.object['spec'], {});
});

void t.test('a field that was handed over stays', async (t) => {
  const mine = apply(undefined, deployment({ replicas: 3, minReadySeconds: 5 }), 'me');
  const theirs = update(mine, deployment({ replicas: 7, minReadySeconds: 5 }), 'autoscaler');
  const less = apply(theirs, deployment({ minReadySeconds: 5 }), 'me');
  t.equal((less['spec'] as { replicas: number }).replicas, 7);
});

void t.test('lists with keys: elements come, change and go one by one', async (t) => {
  const containersOf = (object: Thing): unknown =>
    (
      object['spec'] as { template: { spec: { containers: { name: string; image?: string }[] } } }
    ).template.spec.containers.map(({ name, image }) => `${name}=${image ?? ''}`);
  const first = apply(
    undefined,
    withContainers(
      { name: 'a', image: 'a:1', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] },
      { name: 'b', image: 'b:1' },
    ),
    'first',
  );
  const both = apply(first, withContainers({ name: 'side', image: 's:1' }, { name: 'b' }), 'second');
  t.strictSame(containersOf(both), ['a=a:1', 'side=s:1', 'b=b:1']);
  t.equal(
    refusal(() => applyRaw(both, withContainers({ name: 'b', image: 'b:2' }), 'second')).message,
    'Apply failed with 1 conflict: conflict with "first": .spec.template.spec.containers[name="b"].image',
  );
  const less = apply(both, withContainers({ name: 'a', ports: [{ containerPort: 80 }] }), 'first');
  t.strictSame(
    containersOf(less),
    ['a=', 'side=s:1', 'b='],
    'b stays for the other, without what was not his',
  );
  const gone = apply(less, withContainers({ name: 'side', image: 's:1' }), 'second');
  t.strictSame(containersOf(gone), ['a=', 'side=s:1'], 'nobody holds b any more');
});

void t.test('atomic lists and maps belong to one as a whole', async (t) => {
  const pod = (spec: object): Thing => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec,
  });
  const first = apply(undefined, pod({ nodeSelector: { a: '1' }, tolerations: [{ key: 'a' }] }), 'first');
  t.equal(fieldsOf(first, 'first'), '{"f:spec":{"f:nodeSelector":{},"f:tolerations":{}}}');
  t.match(
    refusal(() => applyRaw(first, pod({ nodeSelector: { b: '1' } }), 'second')).message,
    '1 conflict: conflict with "first": .spec.nodeSelector',
  );
  const forced = apply(first, pod({ nodeSelector: { b: '1' } }), 'second', { force: true });
  t.strictSame((forced['spec'] as { nodeSelector: object }).nodeSelector, { b: '1' });
});

void t.test('sets: finalizers', async (t) => {
  const first = apply(
    undefined,
    configMap({ a: '1' }, { finalizers: ['example.com/a', 'example.com/b'] }),
    'first',
  );
  const both = apply(
    first,
    configMap({ a: '1' }, { finalizers: ['example.com/c', 'example.com/b'] }),
    'second',
  );
  t.strictSame(both.metadata['finalizers'], ['example.com/a', 'example.com/c', 'example.com/b']);
  const less = apply(both, configMap({ a: '1' }), 'first');
  t.strictSame(less.metadata['finalizers'], ['example.com/c', 'example.com/b']);
});

void t.test('an element that is managed inside goes with the element', async (t) => {
  const service = (ports: object[]): Thing => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'default' },
    spec: { ports },
  });
  const mine = apply(
    undefined,
    service([
      { port: 80, name: 'a' },
      { port: 443, name: 'b' },
    ]),
    'me',
  );
  const allocated = update(
    mine,
    {
      ...mine,
      spec: {
        ports: [
          { port: 80, protocol: 'TCP', name: 'a', nodePort: 30000 },
          { port: 443, protocol: 'TCP', name: 'b' },
        ],
      },
    },
    'allocator',
  );
  const less = apply(allocated, service([{ port: 443, name: 'b' }]), 'me');
  t.strictSame((less['spec'] as { ports: unknown }).ports, [{ port: 443, protocol: 'TCP', name: 'b' }]);
});

void t.test('through status: an entry of its own, and nothing of spec', async (t) => {
  const live = apply(undefined, deployment({ replicas: 3 }), 'me');
  const config = { ...deployment({ replicas: 9 }), status: { readyReplicas: 2 } };
  const next = apply(live, config, 'me', { subresource: 'status' });
  const entries = next.metadata.managedFields ?? [];
  t.strictSame(
    entries.map(({ manager, subresource, fieldsV1 }) => [manager, subresource, JSON.stringify(fieldsV1)]),
    [
      ['me', undefined, '{"f:spec":{"f:replicas":{}}}'],
      ['me', 'status', '{"f:status":{"f:readyReplicas":{}}}'],
    ],
  );
  const conflict = refusal(() =>
    applyRaw(next, { ...deployment({}), status: { readyReplicas: 3 } }, 'other', { subresource: 'status' }),
  );
  t.equal(
    conflict.message,
    'Apply failed with 1 conflict: conflict with "me" with subresource "status": .status.readyReplicas',
  );
});

void t.test('from client-side apply: kubectl does not conflict with itself', async (t) => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const applied = configMap({ a: '1', b: '1' });
  const clientSide = configMap(
    { a: '1', b: 'changed by hand' },
    { annotations: { [annotation]: JSON.stringify(applied) } },
  );
  const live = update(configMap({}), clientSide, 'kubectl-client-side-apply');

  const taken = apply(live, configMap({ a: '2' }), 'kubectl');
  t.strictSame(taken['data'], { a: '2', b: 'changed by hand' });
  t.equal(
    (taken.metadata as unknown as { annotations: Record<string, string> }).annotations[annotation],
    '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"cm","namespace":"default"}}\n',
    'the annotation follows, so that client-side apply can still be gone back to',
  );
  t.match(
    refusal(() => applyRaw(live, configMap({ a: '2', b: '2' }), 'kubectl')).message,
    '1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.b',
    'what somebody else has changed since is a conflict all the same',
  );
  t.match(
    refusal(() => applyRaw(live, configMap({ a: '2' }), 'other')).message,
    '.data.a',
    'other names get no such favour',
  );
  for (const text of ['no JSON', '{"apiVersion":"v0"}', '']) {
    const broken = update(
      live,
      configMap({ a: '1', b: 'x' }, { annotations: { [annotation]: text } }),
      'kubectl-client-side-apply',
    );
    t.match(refusal(() => applyRaw(broken, configMap({ a: '2' }), 'kubectl')).message, '.data.a', text);
  }
});

void t.test('configurations that are refused', async (t) => {
  const live = apply(undefined, withContainers({ name: 'a' }), 'me');
  const cases: [Thing, string][] = [
    [deployment({}, { managedFields: [] }), 'metadata.managedFields must be nil'],
    [{ ...deployment({}), apiVersion: 'apps/v2' }, 'invalid object type: apps/v2, Kind=Deployment'],
    [
      deployment({ replica: 3 }),
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema',
    ],
    [
      withContainers({ name: 'a' }, { name: 'a' }),
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
    ],
    [
      deployment({ x: 1, y: 2 }),
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n  .spec.x: field not declared in schema\n  .spec.y: field not declared in schema',
    ],
  ];
  for (const [config, message] of cases) {
    const error = refusal(() =>
      applyRaw(live, config, 'me', {
        apiVersion: 'apps/v1',
        type: describedType(schema, 'apps/v1.Deployment'),
      }),
    );
    t.equal(error.message, message);
    t.equal(error.reason, 'BadRequest');
  }
  t.match(
    refusal(() => applyRaw(live, deployment({ replicas: 'many' }), 'me')).message,
    'cannot unmarshal string',
  );
});

void t.test('duplicates that an update has brought do not stand in the way', async (t) => {
  const env = (...names: string[]): Thing =>
    withContainers({
      name: 'a',
      image: 'a:1',
      env: names.map((name, index) => ({ name, value: String(index) })),
    });
  const created = update(deployment({}), env('X', 'X', 'Y'), 'creator');
  const applied = apply(created, withContainers({ name: 'a', image: 'a:1' }), 'me');
  t.strictSame(
    (applied['spec'] as { template: { spec: { containers: { env: unknown[] }[] } } }).template.spec
      .containers[0]?.env,
    [
      { name: 'X', value: '0' },
      { name: 'X', value: '1' },
      { name: 'Y', value: '2' },
    ],
  );
});

void t.test('null clears a leaf', async (t) => {
  const live = apply(undefined, deployment({ minReadySeconds: 5, replicas: 2 }), 'me');
  const next = apply(live, deployment({ minReadySeconds: null, replicas: 2 }), 'me');
  t.equal('minReadySeconds' in (next['spec'] as object), false);
});

void t.test(
  "who gives up the last of his metadata leaves the name and what else is the server's",
  async (t) => {
    const live = apply(
      undefined,
      { ...configMap({ a: '1' }), metadata: { name: 'c', labels: { l: '1' } } },
      'me',
    );
    const { metadata } = apply(
      deepFreeze({ ...live, metadata: { ...live.metadata, uid: 'u', deletionTimestamp: now() } }),
      { ...configMap({ a: '1' }), metadata: { name: 'c' } },
      'me',
    );
    t.match(metadata, { name: 'c', uid: 'u', deletionTimestamp: String });
    t.equal('labels' in metadata, false);
  },
);

void t.test('a change of API version stays the same manager', async (t) => {
  const live = apply(undefined, configMap({ a: '1' }), 'me');
  const entry = { ...live.metadata.managedFields?.[0], apiVersion: 'v0' };
  const older = deepFreeze({ ...live, metadata: { ...live.metadata, managedFields: [entry] } });
  const next = apply(older, configMap({ a: '1' }), 'me');
  t.strictSame(
    next.metadata.managedFields?.map(({ manager, apiVersion }) => [manager, apiVersion]),
    [['me', 'v1']],
  );
});
