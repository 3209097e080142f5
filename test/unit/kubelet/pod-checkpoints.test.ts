/** What a kubelet saved of its Pods, as the next one finds it. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { PodCheckpoints } from '../../../kubelet/pods/pod-checkpoints.js';

void t.test('a kubelet that was killed while it wrote', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-checkpoints-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const pod = (uid: string, name: string): string => JSON.stringify({ metadata: { uid, name } });
  writeFileSync(join(folder, 'a.json'), pod('a', 'whole'));
  writeFileSync(join(folder, 'a.json.new'), pod('a', 'newer').slice(0, 20));
  writeFileSync(join(folder, 'b.json.new'), pod('b', 'never finished'));
  writeFileSync(join(folder, 'c.json'), '{');
  const checkpoints = new PodCheckpoints({ folder, clock: systemClock, log: silentLogger });
  const found = await checkpoints.load();
  t.strictSame(
    [...found.values()].map(({ metadata }) => metadata.name),
    ['whole'],
  );
  t.strictSame(readdirSync(folder), ['a.json']);
  checkpoints.remove('a');
  await checkpoints.flush();
  t.strictSame(readdirSync(folder), []);
});
