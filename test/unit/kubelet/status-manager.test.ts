/** Publication of statuses: the latest one arrives, whenever it comes. */
import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { pods } from '../../../api/resources.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { StatusManager } from '../../../kubelet/status/status-manager.js';
import { until } from '../../support/until.js';

void t.test('a status that comes while the one before is just written', async (t) => {
  for (let turns = 0; turns < 24; turns++) {
    const client = createMemoryClient().resource(pods);
    const abort = new AbortController();
    const options = { pods: client, clock: systemClock, log: silentLogger, signal: abort.signal };
    const statuses = new StatusManager(options);
    const pod: Pod = await client.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [{ name: 'a' }] },
    });
    statuses.publish(pod, { ...pod.status, message: 'first' });
    // Any number of turns of the queue later: one of them is right between the write and its end.
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    statuses.publish(pod, { ...pod.status, message: 'second' });
    const arrived = until('the second status arrives', async () => {
      const { status } = await client.get({ namespace: 'default', name: 'p' });
      return status.message === 'second';
    });
    t.ok(await arrived, `after ${turns} turns`);
    abort.abort();
    await statuses.idle();
  }
});
