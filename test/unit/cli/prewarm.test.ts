/** Which images are warmed before the kubelet starts, and how; containerd itself is met in test/e2e/survival. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { defaultSettings, resolveLayout } from '../../../cli/layout.js';
import { chooseFirstImages, findFirstImages, fullImageName } from '../../../cli/up/first-images.js';
import type { FirstImage } from '../../../cli/up/first-images.js';
import { prewarmImages } from '../../../cli/up/prewarm.js';
import type { ImageFiles } from '../../../cli/up/prewarm.js';
import { describePrewarm } from '../../../cli/up/prewarm-stage.js';

await t.test('short names', (t) => {
  for (const [short, full] of [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1', 'docker.io/library/nginx:1'],
    ['team/app', 'docker.io/team/app:latest'],
    ['localhost/app:2', 'localhost/app:2'],
    ['registry.example:5000/app', 'registry.example:5000/app:latest'],
    ['quay.io/a/b@sha256:00', 'quay.io/a/b@sha256:00'],
  ] as const)
    t.equal(fullImageName(short), full);
  t.end();
});

function pod(priority: number, spec: object, more: object = {}): unknown {
  return { kind: 'Pod', metadata: { name: 'p' }, spec: { priority, ...spec }, ...more };
}
const runs = (...images: readonly string[]) => ({ containers: images.map((image) => ({ image })) });

await t.test('static pods first, then critical ones by their priority; the others not at all', (t) => {
  const found = chooseFirstImages(
    [pod(0, runs('r.io/static:1')), { kind: 'Other' }, 'rubbish', undefined],
    [
      pod(2_000_000_000, runs('r.io/cluster:1', 'r.io/static:1')),
      pod(2_000_001_000, { ...runs('r.io/node:1'), initContainers: [{ image: 'r.io/init:1' }] }),
      pod(1000, runs('r.io/other:1')),
      pod(2_000_001_000, runs('r.io/ended:1'), { status: { phase: 'Failed' } }),
      pod(2_000_000_000, { ...runs('r.io/private:1'), imagePullSecrets: [{ name: 's' }] }),
      pod(2_000_000_000, { containers: [{ image: 'r.io/never:1', imagePullPolicy: 'Never' }] }),
    ],
  );
  t.equal(found.podCount, 5);
  t.strictSame(
    found.images.map(({ image, mayPull }) => `${image}${mayPull ? '' : ' (not pulled)'}`),
    [
      'r.io/static:1',
      'r.io/init:1',
      'r.io/node:1',
      'r.io/cluster:1',
      'r.io/private:1 (not pulled)',
      'r.io/never:1 (not pulled)',
    ],
  );
  t.end();
});

await t.test('they are found in the files of the kubelet', async (t) => {
  const dataDir = t.testdir({
    'kubelet.conf.d': {
      '10.conf': 'staticPodPath: /nowhere\n',
      '20.conf': '',
      'notes.txt': 'staticPodPath: /else\n',
    },
    manifests: {
      'a.yaml': 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: r.io/static:1\n',
      'b.yaml': 'kind: [broken',
    },
    kubelet: {
      'pod-checkpoints': {
        'u1.json': JSON.stringify(pod(2_000_001_000, runs('r.io/critical:1'))),
        'u2.json': '{',
      },
    },
  });
  writeFileSync(join(dataDir, 'kubelet.conf.d/20.conf'), `staticPodPath: ${join(dataDir, 'manifests')}\n`);
  const layoutOf = (folder: string) =>
    resolveLayout({
      ...defaultSettings,
      nodeName: 'n',
      nodeIp: '192.0.2.1',
      kubeconfig: '',
      dataDir: folder,
    });
  const { images } = await findFirstImages(layoutOf(dataDir));
  t.same(
    images.map(({ image }) => image),
    ['r.io/static:1', 'r.io/critical:1'],
  );
  t.same(await findFirstImages(layoutOf(join(dataDir, 'nothing'))), { podCount: 0, images: [] });
});

/** Images as folders; those in `absent` come when they are pulled. */
class PlayedImages implements ImageFiles {
  readonly done: string[] = [];
  readonly #folder: string;
  readonly #absent: Set<string>;

  constructor(folder: string, absent: readonly string[] = []) {
    this.#folder = folder;
    this.#absent = new Set(absent);
  }

  async has(image: string): Promise<boolean> {
    return !this.#absent.has(image);
  }

  async pull(image: string): Promise<void> {
    this.done.push(`pull ${image}`);
    if (image === 'gone') throw new Error('no such image');
    this.#absent.delete(image);
  }

  async withFiles(image: string, read: (folder: string) => Promise<void>): Promise<void> {
    this.done.push(`read ${image}`);
    await read(join(this.#folder, image));
  }
}

function images(...names: readonly string[]): readonly FirstImage[] {
  return names.map((image) => ({ image, mayPull: image !== 'secret' }));
}

await t.test('what is there is read, then what is absent is pulled and read; trouble is told', async (t) => {
  const folder = t.testdir({
    a: { bin: { sh: 'x'.repeat(1000) }, etc: { passwd: 'y' } },
    b: { big: 'z' },
    outside: { huge: 'h'.repeat(5000) },
  });
  const outside = join(folder, 'outside');
  symlinkSync(join(outside, 'huge'), join(folder, 'a/link'));
  symlinkSync(outside, join(folder, 'a/folder'));
  const files = new PlayedImages(folder, ['b', 'gone', 'secret']);
  const limits = { maxBytes: 1_000_000, signal: new AbortController().signal };
  const result = await prewarmImages(images('gone', 'b', 'secret', 'a'), files, limits);
  t.same(files.done, ['read a', 'pull gone', 'pull b', 'read b']);
  t.same(result, {
    ...{ warmed: 2, pulled: 1, bytes: 1002, stoppedBy: undefined },
    problems: ['gone: no such image'],
  });
  t.equal(
    describePrewarm({ podCount: 3, images: images('gone', 'b', 'secret', 'a') }, result),
    '2 of 4 images of 3 static and critical pods, 1 pulled, 0.0 MiB read',
  );
});

await t.test('bytes and time are bounded', async (t) => {
  const folder = t.testdir({ a: { file: 'x'.repeat(1000) }, b: { file: 'y' } });
  const files = new PlayedImages(folder);
  const some = await prewarmImages(images('a', 'b'), files, {
    maxBytes: 600,
    signal: new AbortController().signal,
  });
  t.match(some, { bytes: 600, stoppedBy: 'bytes', warmed: 1, problems: [] });
  t.same(files.done, ['read a']);
  const late = await prewarmImages(images('a'), files, { maxBytes: 600, signal: AbortSignal.abort() });
  t.match(late, { bytes: 0, stoppedBy: 'time', warmed: 0, problems: [] });
});

await t.test('a pull that is cut off is told', async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, 'x'));
  const abort = new AbortController();
  const files = new (class extends PlayedImages {
    override async pull(): Promise<void> {
      abort.abort();
      throw new Error('killed');
    }
  })(folder, ['x']);
  const result = await prewarmImages(images('x'), files, { maxBytes: 10, signal: abort.signal });
  t.same(result.problems, ['x: there was no time for it']);
});
