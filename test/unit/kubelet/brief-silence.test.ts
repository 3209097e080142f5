import t from 'tap';
import { isBriefSilence, problemOf } from '../../../kubelet/node/compute-node-status.js';

const cases = [
  { name: 'the runtime answers', wasReady: true, silentMs: undefined, tolerated: false },
  { name: 'the first unanswered question', wasReady: true, silentMs: 0, tolerated: true },
  { name: 'a restart', wasReady: true, silentMs: 29_999, tolerated: true },
  { name: 'more than a restart', wasReady: true, silentMs: 30_000, tolerated: false },
  { name: 'a Node that was not ready does not become so', wasReady: false, silentMs: 0, tolerated: false },
];

void t.test('a ready Node outlasts a restart of its runtime', (t) => {
  for (const { name, wasReady, silentMs, tolerated } of cases)
    t.equal(isBriefSilence(wasReady, silentMs), tolerated, name);
  t.match(problemOf({ unreachable: 'refused' }), 'container runtime is down', 'a long silence says why');
  t.end();
});
