/** The matrix of resourceVersion, resourceVersionMatch, limit and continue, by table. */
import t from 'tap';
import { isStatusError } from '../../../api/status-error.js';
import {
  decodeContinue,
  encodeContinue,
  latestRevision,
} from '../../../apiserver/handlers/continue-token.js';
import { readListPlan } from '../../../apiserver/handlers/list-plan.js';
import { readWatchOptions } from '../../../apiserver/handlers/watch-options.js';

const start = 'default/web\0';
const token = encodeContinue({ revision: 7, start });
const inconsistent = encodeContinue({ revision: latestRevision, start });

/** The code and the text of a refusal. */
function refusalOf(run: () => unknown): readonly [number, string] | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isStatusError(error)) throw error;
    return [error.code, error.message];
  }
}

void t.test('what a list reads', async (t) => {
  const newest = { limit: undefined, start: undefined, revision: undefined, notOlderThan: undefined };
  const cases: readonly (readonly [string, object])[] = [
    ['', newest],
    ['resourceVersion=', newest],
    ['resourceVersion=0', { ...newest, notOlderThan: 0 }],
    ['resourceVersion=5', { ...newest, notOlderThan: 5 }],
    ['limit=0', newest],
    ['limit=2', { ...newest, limit: 2 }],
    ['limit=2&resourceVersion=0', { ...newest, limit: 2, notOlderThan: 0 }],
    ['limit=2&resourceVersion=5', { ...newest, limit: 2, revision: 5 }],
    ['resourceVersion=5&resourceVersionMatch=Exact', { ...newest, revision: 5 }],
    ['resourceVersion=5&resourceVersionMatch=Exact&limit=2', { ...newest, revision: 5, limit: 2 }],
    ['resourceVersion=5&resourceVersionMatch=NotOlderThan', { ...newest, notOlderThan: 5 }],
    ['resourceVersion=5&resourceVersionMatch=NotOlderThan&limit=2', { ...newest, limit: 2, notOlderThan: 5 }],
    ['resourceVersion=0&resourceVersionMatch=NotOlderThan', { ...newest, notOlderThan: 0 }],
    [`continue=${token}`, { ...newest, start, revision: 7 }],
    [`continue=${token}&limit=2&resourceVersion=0`, { ...newest, start, revision: 7, limit: 2 }],
    [`continue=${inconsistent}`, { ...newest, start }],
  ];
  for (const [query, plan] of cases)
    t.strictSame(readListPlan({ query: new URLSearchParams(query) }), plan, query);
});

void t.test('what a list cannot read', async (t) => {
  const invalid = (text: string): [number, string] => [422, `ListOptions.meta.k8s.io "" is invalid: ${text}`];
  const match = 'resourceVersionMatch: Forbidden: resourceVersionMatch';
  const supported = 'supported values: "", "Exact", "NotOlderThan"';
  const cases: readonly (readonly [string, readonly [number, string | RegExp]])[] = [
    ['resourceVersionMatch=Exact', invalid(`${match} is forbidden unless resourceVersion is provided`)],
    [
      'resourceVersionMatch=NotOlderThan',
      invalid(`${match} is forbidden unless resourceVersion is provided`),
    ],
    [
      'resourceVersionMatch=Exact&resourceVersion=0',
      invalid(`${match} "exact" is forbidden for resourceVersion "0"`),
    ],
    [
      'resourceVersionMatch=Near&resourceVersion=3',
      invalid(`resourceVersionMatch: Unsupported value: "Near": ${supported}`),
    ],
    [
      `resourceVersionMatch=Near&continue=${token}`,
      invalid(
        `[${match} is forbidden unless resourceVersion is provided, ${match} is forbidden when continue is provided, resourceVersionMatch: Unsupported value: "Near": ${supported}]`,
      ),
    ],
    [
      'sendInitialEvents=true',
      invalid('sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'),
    ],
    [
      `continue=${token}&resourceVersion=5`,
      [400, 'specifying resource version is not allowed when using continue'],
    ],
    ['resourceVersion=abc', [400, /^resourceVersion: Invalid value: "abc"/]],
    ['resourceVersion=-1', [400, /^resourceVersion: Invalid value: "-1"/]],
    ['limit=many', [400, /^limit: Invalid value: "many"/]],
    ['limit=-1', [400, /^limit: Invalid value: "-1"/]],
    ['continue=x', [400, /^invalid continue token: continue key is not valid: /]],
  ];
  for (const [query, refusal] of cases)
    t.match(
      refusalOf(() => readListPlan({ query: new URLSearchParams(query) })),
      refusal,
      query,
    );
});

void t.test('what a watch begins with', async (t) => {
  const base = { timeoutMs: undefined, bookmarks: false, marksInitialEnd: false };
  const cases: readonly (readonly [string, object])[] = [
    ['', { ...base, initialEvents: true, revision: undefined }],
    ['resourceVersion=0', { ...base, initialEvents: true, revision: 0 }],
    ['resourceVersion=5', { ...base, initialEvents: false, revision: 5 }],
    [
      'allowWatchBookmarks=true&timeoutSeconds=3&resourceVersion=5',
      { ...base, bookmarks: true, timeoutMs: 3000, initialEvents: false, revision: 5 },
    ],
    [
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1',
      { ...base, bookmarks: true, marksInitialEnd: true, initialEvents: true, revision: undefined },
    ],
    [
      'sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0',
      { ...base, initialEvents: false, revision: 0 },
    ],
  ];
  for (const [query, options] of cases)
    t.strictSame(readWatchOptions({ query: new URLSearchParams(query) }), options, query);
  const match = 'resourceVersionMatch: Forbidden: ';
  const refused: readonly (readonly [string, string])[] = [
    [
      'sendInitialEvents=true',
      `${match}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    ],
    [
      'resourceVersionMatch=NotOlderThan',
      `${match}resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
    ],
    [
      'resourceVersionMatch=Exact&sendInitialEvents=true',
      `[${match}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]`,
    ],
    [
      'resourceVersionMatch=NotOlderThan&sendInitialEvents=true&continue=x',
      `${match}resourceVersionMatch is forbidden when continue is provided`,
    ],
  ];
  for (const [query, text] of refused)
    t.strictSame(
      refusalOf(() => readWatchOptions({ query: new URLSearchParams(query) })),
      [422, `ListOptions.meta.k8s.io "" is invalid: ${text}`],
      query,
    );
});

void t.test('tokens: what was made here can be read, and nothing else', async (t) => {
  for (const revision of [1, Number.MAX_SAFE_INTEGER, latestRevision])
    t.strictSame(decodeContinue(encodeContinue({ revision, start })), { revision, start });
  const forged = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['!', /not JSON in base64/],
    [forged(null), /does not recognize this encoded version/],
    [forged({ v: 'meta.k8s.io/v2', rv: 1, start }), /version "meta.k8s.io\/v2"/],
    [forged({ v: 'meta.k8s.io/v1', rv: 0, start }), /incorrect encoded start resourceVersion/],
    [forged({ v: 'meta.k8s.io/v1', rv: -2, start }), /incorrect encoded start resourceVersion/],
    [forged({ v: 'meta.k8s.io/v1', rv: 1, start: '' }), /start key empty/],
    [forged({ v: 'meta.k8s.io/v1', rv: 1, start: '../secrets' }), /is no start key/],
    [forged({ v: 'meta.k8s.io/v1', rv: 1, start: '/registry/secrets' }), /is no start key/],
  ];
  for (const [wrong, why] of cases)
    t.match(
      refusalOf(() => decodeContinue(wrong)),
      [400, why],
      wrong,
    );
});
