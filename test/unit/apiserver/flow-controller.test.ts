/** How long a request waits for seats, with a clock that is moved by hand. */
import tap from 'tap';
import { Registry } from 'prom-client';
import type { FlowSchema, PriorityLevelConfiguration } from '../../../api/generated/flowcontrol-v1.js';
import { isStatusError } from '../../../api/status-error.js';
import { createFlowControlMetrics } from '../../../apiserver/flow-control/flow-control-metrics.js';
import { FlowController } from '../../../apiserver/flow-control/flow-controller.js';
import { ManualClock } from '../../../common/clock.js';

const level = {
  metadata: { name: 'one', uid: 'one' },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 0,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 10 } },
    },
  },
} as unknown as PriorityLevelConfiguration;

const schema = {
  metadata: { name: 'all', uid: 'all' },
  spec: {
    matchingPrecedence: 2,
    priorityLevelConfiguration: { name: 'one' },
    rules: [
      {
        subjects: [{ kind: 'Group', group: { name: 'system:authenticated' } }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      },
    ],
  },
} as unknown as FlowSchema;

await tap.test('who gets no seat in 15 seconds is told to come back', async (t) => {
  const clock = new ManualClock();
  const registry = new Registry();
  const controller = new FlowController({
    serverSeats: 10,
    clock,
    metrics: createFlowControlMetrics(registry),
  });
  controller.configure([level], [schema]);
  const flow = controller.classify({
    user: { name: 'somebody', groups: ['system:authenticated'] },
    verb: 'get',
    path: '/version',
  });
  const enter = () => controller.enter(flow, { seats: 1, type: 'regular', client: new AbortController() });
  const first = await enter();
  const outcomes: string[] = [];
  const wait = async (name: string): Promise<void> => {
    try {
      (await enter()).release();
      outcomes.push(`${name} ran`);
    } catch (error) {
      outcomes.push(`${name} ${isStatusError(error) ? error.reason : 'failed'}`);
    }
  };
  const early = wait('early');
  clock.advance(10_000);
  const late = wait('late');
  clock.advance(4_999);
  await Promise.resolve();
  t.strictSame(outcomes, [], 'not yet');
  clock.advance(1);
  await early;
  t.strictSame(outcomes, ['early TooManyRequests']);
  first.release();
  await late;
  t.strictSame(outcomes, ['early TooManyRequests', 'late ran'], 'its place is free for others');
  clock.advance(60_000);
  (await enter()).release();
  const text = await registry.metrics();
  const series = 'priority_level="one",flow_schema="all"';
  const has = (line: string): void => {
    t.ok(text.split('\n').includes(line), line);
  };
  has(`apiserver_flowcontrol_rejected_requests_total{${series},reason="time-out"} 1`);
  has(`apiserver_flowcontrol_current_inqueue_requests{${series}} 0`);
  has(`apiserver_flowcontrol_request_wait_duration_seconds_sum{${series},execute="false"} 15`);
  has(`apiserver_flowcontrol_current_executing_requests{${series}} 0`);
});
