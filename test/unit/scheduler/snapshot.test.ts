/** The picture of the cluster: sums, assumptions and their end. */
import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { toPodInfo } from '../../../scheduler/framework/pod-info.js';
import { ClusterSnapshot } from '../../../scheduler/snapshot.js';
import { makeNode, makePod } from '../../support/scheduling-objects.js';

const pod = (name: string) => toPodInfo(makePod({ name, requests: { cpu: '500m', memory: '1Gi' } }));
const used = (snapshot: ClusterSnapshot): (readonly [string, number])[] =>
  snapshot.nodes().map(({ name, requested }) => [name, requested.cpuMillicores]);

void t.test('pods count on their node, once, wherever the news comes from', (t) => {
  const snapshot = new ClusterSnapshot(new ManualClock());
  const [a, b] = [pod('a'), pod('b')];
  snapshot.putPod(a, 'n1');
  t.same(used(snapshot), [], 'a node that is not known is not offered');
  snapshot.putNode(makeNode({ name: 'n1' }));
  snapshot.putNode(makeNode({ name: 'n2' }));
  snapshot.putPod(b, 'n1');
  snapshot.putPod(b, 'n1');
  t.same(used(snapshot), [
    ['n1', 1000],
    ['n2', 0],
  ]);
  snapshot.putPod(b, 'n2');
  t.same(
    used(snapshot),
    [
      ['n1', 500],
      ['n2', 500],
    ],
    'bound elsewhere',
  );
  snapshot.removeNode('n2');
  t.same(used(snapshot), [['n1', 500]]);
  snapshot.putNode(makeNode({ name: 'n2' }));
  t.same(
    used(snapshot),
    [
      ['n1', 500],
      ['n2', 500],
    ],
    'a node that comes back has its pods',
  );
  snapshot.removePod(a.uid);
  snapshot.removePod(a.uid);
  t.same(used(snapshot), [
    ['n1', 0],
    ['n2', 500],
  ]);
  t.end();
});

void t.test('a snapshot does not change under its reader', (t) => {
  const snapshot = new ClusterSnapshot(new ManualClock());
  snapshot.putNode(makeNode({ name: 'n1' }));
  const before = snapshot.nodes();
  snapshot.assumePod(pod('a'), 'n1');
  t.equal(before[0]?.requested.cpuMillicores, 0);
  t.same(used(snapshot), [['n1', 500]]);
  t.equal(snapshot.nodes(), snapshot.nodes(), 'and is not made anew without need');
  t.end();
});

void t.test('assumptions end', (t) => {
  const clock = new ManualClock();
  const snapshot = new ClusterSnapshot(clock);
  snapshot.putNode(makeNode({ name: 'n1' }));
  const [failed, seen, lost] = [pod('failed'), pod('seen'), pod('lost')];
  for (const info of [failed, seen, lost]) snapshot.assumePod(info, 'n1');
  t.same(used(snapshot), [['n1', 1500]]);
  snapshot.forgetAssumed(failed.uid);
  snapshot.confirmAssumed(seen.uid);
  snapshot.putPod(seen, 'n1');
  snapshot.forgetAssumed(seen.uid);
  t.same(used(snapshot), [['n1', 1000]], 'what the informer brought is not forgotten');
  snapshot.confirmAssumed(lost.uid);
  clock.advance(15 * 60_000);
  t.same(used(snapshot), [['n1', 500]], 'one that the informer never brought expires');
  t.end();
});
