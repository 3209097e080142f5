/** What starts wait for because a user said so. */
import t from 'tap';
import { parseStartupHints, startupAnnotations } from '../../../api/startup-hints.js';
import { judgeDependencies } from '../../../kubelet/startup/order/dependencies.js';
import type {
  DependencyFacts,
  DependencyVerdict,
  DependentPod,
} from '../../../kubelet/startup/order/dependencies.js';

function pod(name: string, after = '', more: Partial<DependentPod> = {}): DependentPod {
  const annotations: Record<string, string> = after === '' ? {} : { [startupAnnotations.after]: after };
  return {
    uid: name,
    namespace: 'default',
    name,
    after: parseStartupHints(annotations).hints.after,
    isReady: false,
    isQueued: false,
    priority: 0,
    isCritical: false,
    ...more,
  };
}

const nothingElse: DependencyFacts = {
  isPodReady: () => false,
  isServiceReady: () => false,
  podsOfService: () => [],
};

function judge(
  pods: DependentPod[],
  facts: Partial<DependencyFacts> = {},
): Record<string, DependencyVerdict> {
  return Object.fromEntries(judgeDependencies(pods, { ...nothingElse, ...facts }));
}

void t.test('what is missing', (t) => {
  const facts: Partial<DependencyFacts> = {
    isPodReady: (namespace, name) => namespace === 'infra' && name === 'far',
    isServiceReady: (_namespace, name) => name === 'dns',
  };
  const table: [string, boolean, string[]][] = [
    ['', false, []],
    ['pod/db', false, ['pod/default/db']],
    ['pod/db', true, []],
    ['pod/default/db,service/dns', true, []],
    ['pod/db,pod/nowhere,service/registry', true, ['pod/default/nowhere', 'service/default/registry']],
    ['pod/infra/far,pod/other/far', true, ['pod/other/far']],
  ];
  for (const [after, isReady, missing] of table)
    t.strictSame(
      judge([pod('app', after), pod('db', '', { isReady })], facts)['app']?.missing,
      missing,
      after,
    );
  t.end();
});

void t.test('circles', (t) => {
  const all = judge([
    pod('a', 'pod/b'),
    pod('b', 'pod/x,pod/c'),
    pod('c', 'pod/a'),
    pod('x'),
    pod('self', 'pod/self'),
    pod('outside', 'pod/a'),
  ]);
  t.strictSame(all['a']?.cycle, ['pod/default/a', 'pod/default/b', 'pod/default/c', 'pod/default/a']);
  t.strictSame(all['c']?.cycle, ['pod/default/c', 'pod/default/a', 'pod/default/b', 'pod/default/c']);
  t.strictSame(all['self']?.cycle, ['pod/default/self', 'pod/default/self']);
  t.equal(all['x']?.cycle, undefined);
  t.equal(all['outside']?.cycle, undefined, 'it waits for a circle, but is not in it');
  const running = judge([pod('a', 'pod/b'), pod('b', 'pod/a', { isReady: true })]);
  t.equal(running['a']?.cycle, undefined, 'what is ready holds nobody up');
  const served = judge([pod('a', 'service/s'), pod('b', 'pod/a')], { podsOfService: () => ['a', 'b'] });
  t.equal(served['a']?.cycle, undefined, 'others may serve');
  t.strictSame(served['a']?.missing, ['service/default/s']);
  t.end();
});

void t.test('who is waited for rises, and the time runs only when nothing on the way is queued', (t) => {
  const all = judge(
    [
      pod('shop', 'pod/backend', { priority: 7, isCritical: true }),
      pod('backend', 'service/sql', { priority: 3 }),
      pod('db', '', { isQueued: true }),
      pod('idle', 'pod/gone'),
      pod('done', 'pod/lone', { isReady: true, priority: 99 }),
      pod('lone'),
    ],
    { podsOfService: (_namespace, name) => (name === 'sql' ? ['db', 'elsewhere'] : []) },
  );
  t.match(all['db'], { isAwaited: true, priority: 7, isCritical: true, isWayQueued: false, missing: [] });
  t.match(all['backend'], { isAwaited: true, priority: 7, isCritical: true, isWayQueued: true });
  t.match(all['shop'], { isAwaited: false, priority: 7, isWayQueued: true });
  t.match(all['idle'], { isAwaited: false, priority: 0, isWayQueued: false, missing: ['pod/default/gone'] });
  t.match(
    all['lone'],
    { isAwaited: false, priority: 0, isCritical: false },
    'who is ready waits for nothing',
  );
  t.end();
});
