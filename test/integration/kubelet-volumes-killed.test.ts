/**
 * A kubelet that is killed at any step of making or removing a Pod's volumes: whoever comes after it finishes the work,
 * and nothing is left, mounted twice or lost. Each kill is one of a process; a seed chooses the steps.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import { PodVolumes } from '../support/pod-volumes.js';
import { runInOwnNamespaces } from '../support/netns.js';
import { seededRandom } from '../support/seeded-random.js';

const victim = join(fileURLToPath(import.meta.url), '../kubelet-volumes-victim.js');
/** How many steps of each way are walked. */
const walked = { make: 10, remove: 6 };

if (runInOwnNamespaces(import.meta.url)) await testKills();

async function testKills(): Promise<void> {
  const random = seededRandom(20_261_126);
  for (const way of ['make', 'remove'] as const)
    await t.test(`killed when it is to ${way} volumes`, async (t) => {
      const steps = Number((await run(new PodVolumes(systemMounter).root, way, 0, false)).stdout);
      t.ok(steps > 20, `${String(steps)} steps`);
      // Spread over all steps, so that no seed can leave a part of the way out.
      const chosen = Array.from({ length: walked[way] }, (_, index) =>
        Math.ceil(((index + random()) * steps) / walked[way]),
      );
      for (const [index, step] of chosen.entries()) {
        const isBefore = random() < 0.5;
        const volumes = new PodVolumes(systemMounter);
        if (way === 'remove') await volumes.make();
        const { signal, stderr } = await run(volumes.root, way, step, isBefore);
        t.equal(signal, 'SIGKILL', `${isBefore ? 'before' : 'after'} step ${String(step)}${stderr}`);
        // Half of the Pods are deleted while nobody is there to make the rest.
        if (way === 'make' && index % 2 === 0) {
          await volumes.make();
          volumes.check(t);
        }
        await volumes.remove();
        t.strictSame(await volumes.leftovers(), []);
        volumes.forget();
      }
    });
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly signal: string | null;
}

async function run(root: string, way: 'make' | 'remove', step: number, isBefore: boolean): Promise<Ended> {
  const child = spawn(process.execPath, [victim, root, way, String(step), String(isBefore)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  const [stdout, stderr, [, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, signal };
}
