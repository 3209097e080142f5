/** The pages under /debug/api_priority_and_fairness/, in the columns that Kubernetes documents. */
import { Registry } from 'prom-client';
import t from 'tap';
import { dumpFlowControl } from '../../../apiserver/flow-control/dump.js';
import { createFlowControlMetrics } from '../../../apiserver/flow-control/flow-control-metrics.js';
import { FlowController } from '../../../apiserver/flow-control/flow-controller.js';
import type { RequestAttributes } from '../../../apiserver/filters/authorization.js';
import { ManualClock } from '../../../common/clock.js';

const clock = new ManualClock();
const metrics = createFlowControlMetrics(new Registry());
const controller = new FlowController({ serverSeats: 5, clock, metrics });
const request: RequestAttributes = {
  user: { name: 'jane', groups: ['system:authenticated'], extra: {} },
  verb: 'list',
  path: '/api/v1/namespaces/default/pods',
  resource: { group: '', version: 'v1', namespace: 'default', resource: 'pods', name: '', subresource: '' },
};
const dump = (page: string): readonly (readonly string[])[] => {
  const url = new URL(`http://localhost/debug/api_priority_and_fairness/${page}`);
  const question = { path: url.pathname, query: url.searchParams, levels: controller.levels, clock };
  const text = dumpFlowControl(question) ?? '';
  return text
    .trimEnd()
    .split('\n')
    .map((row) => row.split(/, */));
};

void t.test('what runs and what is refused', async (t) => {
  const flow = controller.classify(request);
  const startedAt = new Date(clock.now()).toISOString();
  const permit = await controller.enter(flow, {
    seats: 1,
    type: 'regular',
    client: new AbortController(),
    request,
  });
  clock.advance(1_000);
  const [columns, ...requests] = dump('dump_requests');
  t.equal(
    columns?.join(' '),
    'PriorityLevelName FlowSchemaName QueueIndex RequestIndexInQueue FlowDistingsher ArriveTime InitialSeats FinalSeats AdditionalLatency StartTime',
  );
  const row = ['catch-all', 'catch-all', '0', '-1', 'jane', startedAt, '1', '0', '0s', startedAt];
  t.strictSame(requests, [row]);
  const [detailed, ...details] = dump('dump_requests?includeRequestDetails=1');
  t.equal(
    detailed?.slice(10).join(' '),
    'UserName Verb APIPath Namespace Name APIVersion Resource SubResource',
  );
  t.strictSame(details, [
    [...row, 'jane', 'list', '/api/v1/namespaces/default/pods', 'default', '', 'v1', 'pods', ''],
  ]);
  const [queueColumns, ...queues] = dump('dump_queues');
  t.equal(
    queueColumns?.join(' '),
    'PriorityLevelName Index PendingRequests ExecutingRequests SeatsInUse NextDispatchR InitialSeatsSum MaxSeatsSum TotalWorkSum',
  );
  t.strictSame(queues, [['catch-all', '0', '0', '1', '1', '0.00300000ss', '0', '0', '0.00000000ss']]);
  t.match(
    dump('dump_priority_levels').find(([name]) => name === 'catch-all'),
    ['catch-all', '0', 'false', 'false', '0', '1', '1'],
  );
  permit.release();
  t.strictSame(dump('dump_requests').slice(1), []);
  t.strictSame(dump('dump_queues').slice(1), []);
  t.strictSame(dump('dump_none'), [['']]);
});
