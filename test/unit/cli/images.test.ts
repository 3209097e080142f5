/** Images are the same every time, and a user's archive is read before containerd is asked. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { describeArchive } from '../../../cli/images/describe-archive.js';
import { readContents } from '../../../cli/images/inspect-archive.js';
import { ociArchive } from '../../../cli/images/oci-image.js';
import { buildShippedImages } from '../../../cli/images/shipped-images.js';

const busybox = {
  binary: Buffer.from('not really busybox'),
  commands: ['sh', 'busybox', 'cat'],
  architecture: 'amd64',
};

void t.test('the same input gives the same digests and bytes', async (t) => {
  const [first, second] = [await buildShippedImages(busybox), await buildShippedImages(busybox)];
  t.same(
    first.map(({ name }) => name),
    ['localhost/knarr/pause:1', 'localhost/knarr/web:1', 'localhost/knarr/web:2'],
  );
  t.same(
    first.map(({ digest }) => digest),
    second.map(({ digest }) => digest),
  );
  t.equal(new Set(first.map(({ digest }) => digest)).size, 3);
  t.ok((await ociArchive(first)).equals(await ociArchive(second)));
});

void t.test('an OCI layout as tar, gzipped, and as folder', async (t) => {
  const folder = t.testdir();
  const images = await buildShippedImages(busybox);
  const archive = await ociArchive(images);
  writeFileSync(join(folder, 'a.tar'), archive);
  writeFileSync(join(folder, 'a.tar.gz'), gzipSync(archive));
  for (const file of ['a.tar', 'a.tar.gz']) {
    const path = join(folder, file);
    const description = describeArchive(await readContents(path), path);
    t.equal(description.format, 'oci-layout');
    t.same(
      description.images,
      images.map(({ name }) => ({ name, architectures: ['amd64'] })),
    );
  }
  const layout = join(folder, 'layout');
  const write = (name: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(layout, name)), { recursive: true });
    writeFileSync(join(layout, name), content);
  };
  const [pause] = images;
  if (pause === undefined) throw new Error('no image was built');
  for (const [digest, blob] of pause.blobs) write(`blobs/${digest.replace(':', '/')}`, blob);
  const annotations = { 'io.containerd.image.name': pause.name };
  write('index.json', JSON.stringify({ manifests: [{ ...pause.manifest, annotations }] }));
  t.equal(describeArchive(await readContents(layout), layout).images[0]?.name, pause.name);

  write(`blobs/${pause.configDigest.replace(':', '/')}`, '{}');
  await t.rejects(readContents(layout), { message: /the blob sha256:[0-9a-f]+ is damaged/ });
});

void t.test('what is wrong is named', async (t) => {
  const folder = t.testdir({
    'text.tar': 'this is no tar',
    'zst.tar': Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]),
  });
  await t.rejects(readContents(join(folder, 'gone.tar')), { message: /gone.tar is not there/ });
  await t.rejects(readContents(join(folder, 'text.tar')), {
    message: /text.tar is not a tar archive of an image/,
  });
  await t.rejects(readContents(join(folder, 'zst.tar')), { message: /compressed with zstd/ });
  const contents = (documents: Record<string, unknown>): Parameters<typeof describeArchive>[0] => {
    const texts = Object.entries(documents).map(([name, value]) => [name, JSON.stringify(value)] as const);
    return { documents: new Map(texts), files: new Map(texts.map(([name, text]) => [name, text.length])) };
  };
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{}, /neither an OCI layout/],
    [{ 'index.json': { manifests: [] } }, /names no image/],
    [{ 'index.json': { manifests: [{ digest: 'sha256:1', size: 2 }] } }, /blob sha256:1 is missing/],
    [
      { 'index.json': { manifests: [{ digest: 'sha256:1', size: 9 }] }, 'blobs/sha256/1': {} },
      /has 2 bytes where 9 are announced/,
    ],
    [
      { 'manifest.json': [{ Config: 'c.json', Layers: ['l.tar'] }], 'c.json': {} },
      /the file l.tar is missing/,
    ],
  ];
  for (const [documents, message] of cases) {
    t.throws(() => describeArchive(contents(documents), 'f.tar'), { message });
  }
  const docker = contents({
    'manifest.json': [{ Config: 'c.json', Layers: [], RepoTags: ['a:1', 'b:2'] }],
    'c.json': { architecture: 'arm64' },
  });
  t.same(describeArchive(docker, 'f.tar'), {
    format: 'docker-archive',
    images: [
      { name: 'a:1', architectures: ['arm64'] },
      { name: 'b:2', architectures: ['arm64'] },
    ],
  });
});
