/** Pods of all sorts come and go, and nothing of them is left on the node; `npm run soak -- node` does it for minutes. */
import t from 'tap';
import { churn } from '../faults/churn.js';
import { TestCluster } from '../support/cluster.js';

const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
await cluster.up();
const result = await churn({
  cluster,
  pods: 8,
  goesOn: (round) => round < 2,
  progress: (line) => {
    t.comment(line);
  },
});
t.equal(result.rounds, 2);
t.strictSame(result.leftBehind, []);
