import t from 'tap';
import { applyJsonPatch } from '../../../api/patch/json-patch.js';
import { applyMergePatch } from '../../../api/patch/merge-patch.js';
import { applyStrategicMergePatch } from '../../../api/patch/strategic-merge-patch.js';
import { loadSchema } from '../../../api/schema/load.js';
import { isStatusError } from '../../../api/status-error.js';

const schema = loadSchema();

/** The reason and the text of the StatusError that `action` throws. */
function refusal(action: () => unknown): string {
  try {
    return `accepted: ${JSON.stringify(action())}`;
  } catch (error) {
    if (isStatusError(error)) return `${error.reason}: ${error.message}`;
    throw error;
  }
}

void t.test('merge patch: the table of RFC 7386, appendix A', async (t) => {
  const cases: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [current, patch, expected] of cases) {
    const before = JSON.stringify(current);
    t.strictSame(applyMergePatch(current, patch), expected);
    t.equal(JSON.stringify(current), before, 'the input is unchanged');
  }
});

void t.test('JSON patch applies', async (t) => {
  const cases: [unknown, unknown[], unknown][] = [
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    [{ 'x/y': 1 }, [{ op: 'replace', path: '/x~1y', value: 2 }], { 'x/y': 2 }],
    [{ a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
    [{ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [
      { a: 1 },
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'replace', path: '/a', value: 2 },
      ],
      { a: 2 },
    ],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
  ];
  for (const [current, patch, expected] of cases) {
    const before = JSON.stringify(current);
    t.strictSame(applyJsonPatch(current, patch), expected);
    t.equal(JSON.stringify(current), before, 'the input is unchanged');
  }
});

void t.test('JSON patch refuses', async (t) => {
  const rejected = 'Invalid: the server rejected our request due to an error in our request: ';
  const cases: [unknown, unknown, string][] = [
    [{ a: 1 }, { op: 'add' }, 'BadRequest: a JSON patch must be a list of operations'],
    [{ a: 1 }, [{ op: 'merge', path: '/a' }], 'BadRequest: unexpected kind of JSON patch operation'],
    [{ a: 1 }, [{ op: 'remove', path: 'a' }], 'BadRequest: invalid path in a JSON patch operation: "a"'],
    [
      { a: 1 },
      [{ op: 'remove', path: '/b' }],
      `${rejected}error in remove for path: '/b': Unable to remove nonexistent key: b: missing value`,
    ],
    [
      { a: 1 },
      [{ op: 'remove', path: '/b/c' }],
      `${rejected}remove operation does not apply: doc is missing path: "/b/c": missing value`,
    ],
    [
      { a: [1] },
      [{ op: 'remove', path: '/a/1' }],
      `${rejected}error in remove for path: '/a/1': Unable to access invalid index: 1`,
    ],
    [
      { a: 1 },
      [{ op: 'move', from: '/b', path: '/c' }],
      `${rejected}move operation does not apply: doc is missing from path: /b`,
    ],
    [{ a: 1 }, [{ op: 'test', path: '/a', value: 2 }], `${rejected}testing value /a failed: test failed`],
    [
      { a: [1] },
      [{ op: 'replace', path: '/a/x', value: 2 }],
      `${rejected}replace operation does not apply: doc is missing key: /a/x: missing value`,
    ],
    [
      { a: [1] },
      [{ op: 'add', path: '/a/2', value: 2 }],
      `${rejected}error in add for path: '/a/2': Unable to access invalid index: 2`,
    ],
    [{ a: 1 }, [{ op: 'add', path: '/b' }], `${rejected}error in add for path: '/b': Invalid operation: add`],
    [
      { a: 1 },
      [{ op: 'add', path: '/b/c', value: 1 }],
      `${rejected}add operation does not apply: doc is missing path: "/b/c": missing value`,
    ],
    [
      {},
      new Array(10_001).fill({ op: 'test', path: '', value: {} }),
      'RequestEntityTooLarge: The allowed maximum operations in a JSON patch is 10000, got 10001',
    ],
  ];
  for (const [current, patch, expected] of cases) {
    const text = refusal(() => applyJsonPatch(current, patch));
    t.ok(text.startsWith(expected), text);
  }
});

const podWith = (containers: unknown[], more: object = {}): object => ({ spec: { containers, ...more } });

interface StrategicCase {
  readonly name: string;
  readonly type?: string;
  readonly current: unknown;
  readonly patch: unknown;
  readonly expected: unknown;
}

const strategicCases: StrategicCase[] = [
  {
    name: 'merges containers by name, and what is in them likewise',
    current: podWith([{ name: 'a', image: '1', env: [{ name: 'X', value: '1' }] }]),
    patch: podWith([{ name: 'a', env: [{ name: 'Y', value: '2' }] }, { name: 'b' }]),
    expected: podWith([
      {
        name: 'a',
        image: '1',
        env: [
          { name: 'Y', value: '2' },
          { name: 'X', value: '1' },
        ],
      },
      { name: 'b' },
    ]),
  },
  {
    name: 'kubectl set image touches one container',
    current: podWith([
      { name: 'a', image: '1' },
      { name: 'b', image: '1' },
    ]),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
        containers: [{ name: 'b', image: '2' }],
      },
    },
    expected: {
      spec: {
        containers: [
          { name: 'a', image: '1' },
          { name: 'b', image: '2' },
        ],
      },
    },
  },
  {
    name: 'null removes a member',
    current: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { a: null, c: '3' } } },
    expected: { metadata: { labels: { b: '2', c: '3' } } },
  },
  {
    name: 'lists without a merge key are replaced',
    current: podWith([{ name: 'a', command: ['x', 'y'] }], { tolerations: [{ key: 'k' }] }),
    patch: podWith([{ name: 'a', command: ['z'] }], { tolerations: [] }),
    expected: podWith([{ name: 'a', command: ['z'] }], { tolerations: [] }),
  },
  {
    name: '$patch: delete removes an element',
    current: podWith([{ name: 'a' }, { name: 'b' }]),
    patch: podWith([{ name: 'a', $patch: 'delete' }]),
    expected: podWith([{ name: 'b' }]),
  },
  {
    name: '$patch: replace in a list replaces the list',
    current: podWith([{ name: 'a' }, { name: 'b' }]),
    patch: podWith([{ $patch: 'replace' }, { name: 'c' }]),
    expected: podWith([{ name: 'c' }]),
  },
  {
    name: '$patch: replace in an object replaces the object',
    current: { spec: { nodeSelector: { a: '1' }, nodeName: 'n' } },
    patch: { spec: { nodeSelector: { $patch: 'replace', b: '2' } } },
    expected: { spec: { nodeSelector: { b: '2' }, nodeName: 'n' } },
  },
  {
    name: '$patch: delete empties an object',
    current: { spec: { nodeSelector: { a: '1' } } },
    patch: { spec: { nodeSelector: { $patch: 'delete' } } },
    expected: { spec: { nodeSelector: {} } },
  },
  {
    name: '$patch: merge is what happens anyway',
    current: podWith([{ name: 'a', image: '1' }]),
    patch: { $patch: 'merge', ...podWith([{ $patch: 'merge', name: 'a', image: '2' }]) },
    expected: podWith([{ name: 'a', image: '2' }]),
  },
  {
    name: '$retainKeys drops the other kinds of a volume',
    current: { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
    patch: {
      spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } }] },
    },
    expected: { spec: { volumes: [{ name: 'v', configMap: { name: 'c' } }] } },
  },
  {
    name: '$retainKeys in a deployment strategy',
    type: 'apps/v1.Deployment',
    current: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    expected: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    name: '$deleteFromPrimitiveList and merging of a primitive list',
    current: { metadata: { finalizers: ['a', 'b', 'c'] } },
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d'] } },
    expected: { metadata: { finalizers: ['d', 'a', 'c'] } },
  },
  {
    name: '$setElementOrder with primitives, as kubectl edit sends it',
    current: { metadata: { finalizers: ['a', 'b', 'c'] } },
    patch: {
      metadata: {
        '$deleteFromPrimitiveList/finalizers': ['b'],
        '$setElementOrder/finalizers': ['c', 'a'],
      },
    },
    expected: { metadata: { finalizers: ['c', 'a'] } },
  },
  {
    name: '$setElementOrder with an added and a deleted element, as kubectl apply sends it',
    current: podWith([{ name: 'injected' }, { name: 'a' }, { name: 'b', image: '1' }]),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }],
        containers: [{ name: 'c' }, { name: 'b', image: '2' }, { name: 'a', $patch: 'delete' }],
      },
    },
    expected: podWith([{ name: 'c' }, { name: 'injected' }, { name: 'b', image: '2' }]),
  },
  {
    name: '$setElementOrder alone reorders',
    current: podWith([{ name: 'a' }, { name: 'b' }]),
    patch: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    expected: podWith([{ name: 'b' }, { name: 'a' }]),
  },
  {
    name: 'directives and nulls inside of what is added do not survive',
    type: 'apps/v1.Deployment',
    current: { metadata: { name: 'd' } },
    patch: {
      spec: {
        replicas: null,
        template: {
          spec: {
            '$setElementOrder/containers': [{ name: 'a' }],
            containers: [{ name: 'a', env: [{ name: 'X', $patch: 'delete' }] }],
          },
        },
      },
    },
    expected: {
      metadata: { name: 'd' },
      spec: { template: { spec: { containers: [{ name: 'a', env: [] }] } } },
    },
  },
  {
    name: 'Service ports merge by port',
    type: 'core/v1.Service',
    current: { spec: { ports: [{ port: 80, nodePort: 30000 }] } },
    patch: { spec: { ports: [{ port: 80, targetPort: 8080 }] } },
    expected: { spec: { ports: [{ port: 80, nodePort: 30000, targetPort: 8080 }] } },
  },
  {
    name: 'conditions of a Node merge by type, as the kubelet sends them',
    type: 'core/v1.Node',
    current: { status: { conditions: [{ type: 'Ready', status: 'False' }, { type: 'DiskPressure' }] } },
    patch: {
      status: {
        '$setElementOrder/conditions': [{ type: 'DiskPressure' }, { type: 'Ready' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
    expected: {
      status: { conditions: [{ type: 'DiskPressure' }, { type: 'Ready', status: 'True' }] },
    },
  },
  {
    name: 'members of inline structs are known, too',
    current: { spec: { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 's' } }] } }] } },
    patch: { spec: { volumes: [{ name: 'v', projected: { sources: [] } }] } },
    expected: { spec: { volumes: [{ name: 'v', projected: { sources: [] } }] } },
  },
];

void t.test('strategic merge patch applies', async (t) => {
  for (const { name, type = 'core/v1.Pod', current, patch, expected } of strategicCases) {
    const before = JSON.stringify([current, patch]);
    t.strictSame(applyStrategicMergePatch(current, patch, schema, type), expected, name);
    t.equal(JSON.stringify([current, patch]), before, 'the inputs are unchanged');
  }
});

void t.test('strategic merge patch refuses', async (t) => {
  const cases: [unknown, string][] = [
    [[], 'BadRequest: a strategic merge patch must be a JSON object'],
    [podWith([{ image: 'x' }]), 'BadRequest: map: {"image":"x"} does not contain declared merge key: name'],
    [podWith([{ name: 'a', $patch: 'explode' }]), 'BadRequest: unknown patch type found: "explode"'],
    [{ spec: { $patch: 'explode' } }, 'BadRequest: unknown patch type found: "explode"'],
    [
      { spec: { $retainKeys: ['nodeName'], hostname: 'x' } },
      'BadRequest: invalid patch format of retainKeys',
    ],
    [
      { spec: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a' }] } },
      'BadRequest: The order in patch list:\n',
    ],
    [
      { metadata: { '$deleteFromPrimitiveList/finalizers': 'x' } },
      'BadRequest: invalid patch format of primitive list',
    ],
  ];
  for (const [patch, expected] of cases) {
    const current = { ...podWith([{ name: 'a' }]), metadata: { finalizers: ['x'] } };
    const text = refusal(() => applyStrategicMergePatch(current, patch, schema, 'core/v1.Pod'));
    t.ok(text.startsWith(expected), text);
  }
});
