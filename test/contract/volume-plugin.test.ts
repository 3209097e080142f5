/** The contract of volume plugins with the kernel's own mounts: the test has a mount namespace of its own. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Pod, Volume } from '../../api/generated/core-v1.js';
import { csiVolumes } from '../../kubelet/volumes/csi.js';
import { emptyDirVolumes } from '../../kubelet/volumes/empty-dir.js';
import { hostPathVolumes } from '../../kubelet/volumes/host-path.js';
import { imageVolumes } from '../../kubelet/volumes/image.js';
import { localVolumes } from '../../kubelet/volumes/local.js';
import { nfsVolumes } from '../../kubelet/volumes/nfs.js';
import {
  configMapVolumes,
  downwardApiVolumes,
  projectedVolumes,
  secretVolumes,
} from '../../kubelet/volumes/payload-plugins.js';
import { volumePlugins } from '../../kubelet/volumes/registry.js';
import { runInOwnNamespaces } from '../support/netns.js';
import { claimed, facts, podOf, volumePluginContract, VolumeRig } from './volume-plugin.js';
import type { PluginSample } from './volume-plugin.js';

const metadata = { namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };

if (runInOwnNamespaces(import.meta.url)) await testPlugins();

async function testPlugins(): Promise<void> {
  const ours = mkdtempSync(join(tmpdir(), 'knarr-volume-sources-'));
  t.teardown(() => {
    rmSync(ours, { recursive: true, force: true });
  });
  const kept = join(ours, 'kept');
  writeFileSync(kept, 'kept');
  giveMountNfs(ours);
  const samples = { ...payloadSamples(), ...storageSamples(ours, kept) };
  for (const [name, sample] of Object.entries(samples))
    await t.test(`the contract: ${name}`, (t) => volumePluginContract(t, sample));
  const covered = new Set(Object.values(samples).map(({ plugin }) => plugin));
  t.strictSame(
    volumePlugins.filter((plugin) => !covered.has(plugin)),
    [csiVolumes],
    'every plugin has a sample, but the one that has no volumes yet',
  );
  await t.test('volumes of storage drivers are refused with the name of the driver', async (t) => {
    const pod = podOf('pod-1', { csi: { driver: 'disk.example.com' } });
    const rig = new VolumeRig();
    await t.rejects(rig.manager().setUp(pod, facts), {
      message: /MountVolume.SetUp failed for volume "data" : .*driver name disk\.example\.com not found/,
    });
    await rig.manager().tearDown('pod-1');
    await rig.remove();
  });
  await t.test('kinds that were removed are refused by name', async (t) => {
    const rig = new VolumeRig();
    const pod = podOf('pod-1', { flocker: { datasetName: 'x' } });
    await t.rejects(rig.manager().setUp(pod, facts), /volumes of type flocker are not supported/);
    await rig.remove();
  });
}

function withVolume(volume: Omit<Volume, 'name'>): (uid: string) => Pod {
  return (uid) => podOf(uid, volume);
}

function reads(file: string, text: string): PluginSample['check'] {
  return (t, { path }) => t.equal(readFileSync(join(path, file), 'utf8'), text);
}

function payloadSamples(): Record<string, PluginSample> {
  const objects: PluginSample['objects'] = {
    configMap: async (_pod, name) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata, name },
      data: { color: 'red' },
    }),
    secret: async (_pod, name) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...metadata, name },
      data: { password: Buffer.from('s3cret').toString('base64') },
    }),
  };
  const nameField = { path: 'kind', fieldRef: { fieldPath: 'metadata.namespace' } };
  return {
    configMap: {
      plugin: configMapVolumes,
      objects,
      pod: withVolume({ configMap: { name: 'settings' } }),
      check: reads('color', 'red'),
      mounts: 0,
    },
    secret: {
      plugin: secretVolumes,
      objects,
      pod: withVolume({ secret: { secretName: 'password' } }),
      check: reads('password', 's3cret'),
      mounts: 1,
    },
    downwardAPI: {
      plugin: downwardApiVolumes,
      pod: withVolume({ downwardAPI: { items: [nameField] } }),
      check: reads('kind', 'default'),
      mounts: 1,
    },
    projected: {
      plugin: projectedVolumes,
      objects,
      pod: withVolume({
        projected: {
          sources: [
            { configMap: { name: 'settings', items: [{ key: 'color', path: 'a/b/color' }] } },
            { serviceAccountToken: { path: 'token' } },
          ],
        },
      }),
      check: reads('a/b/color', 'red'),
      mounts: 1,
    },
    image: {
      plugin: imageVolumes,
      pod: withVolume({ image: { reference: 'localhost/files:1' } }),
      check: (t, ready) =>
        t.match(ready, { kind: 'image', path: 'sha256:localhost/files:1', readOnly: true }),
      mounts: 0,
    },
  };
}

function storageSamples(ours: string, kept: string): Record<string, PluginSample> {
  const claim = withVolume({ persistentVolumeClaim: { claimName: 'claim' } });
  const isWritable: PluginSample['check'] = (t, { path }) => {
    writeFileSync(join(path, 'file'), 'x');
    t.equal(statSync(path).mode & 0o777, 0o777);
  };
  return {
    'emptyDir on the disk': {
      plugin: emptyDirVolumes,
      pod: withVolume({ emptyDir: {} }),
      check: isWritable,
      mounts: 0,
    },
    'emptyDir in memory': {
      plugin: emptyDirVolumes,
      pod: withVolume({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }),
      check: isWritable,
      mounts: 1,
    },
    hostPath: {
      plugin: hostPathVolumes,
      pod: withVolume({ hostPath: { path: ours, type: 'Directory' } }),
      check: reads('kept', 'kept'),
      mounts: 0,
      keeps: kept,
    },
    'local, a folder': {
      plugin: localVolumes,
      objects: claimed({ local: { path: ours } }),
      pod: claim,
      check: reads('kept', 'kept'),
      mounts: 1,
      keeps: kept,
    },
    ...(existsSync('/dev/loop-control') ? { 'local, a file as a disk': fileDisk(ours, claim) } : {}),
    nfs: {
      plugin: nfsVolumes,
      objects: claimed({ nfs: { server: 'server', path: ours } }),
      pod: claim,
      check: reads('kept', 'kept'),
      mounts: 1,
      keeps: kept,
    },
  };
}

function fileDisk(ours: string, claim: (uid: string) => Pod): PluginSample {
  const disk = join(ours, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 8 * 1024 * 1024);
  const volumeDevices = [{ name: 'data', devicePath: '/dev/x' }];
  return {
    plugin: localVolumes,
    objects: claimed({ local: { path: disk }, volumeMode: 'Block' }),
    pod: (uid) => {
      const pod = claim(uid);
      return { ...pod, spec: { ...pod.spec, containers: [{ name: 'main', volumeDevices }] } };
    },
    check: (t, { kind, path }) => {
      t.equal(kind, 'block');
      t.match(path, /^\/dev\/loop\d+$/);
      t.ok(statSync(path).isBlockDevice());
    },
    mounts: 0,
    keeps: disk,
  };
}

/** mount(8) finds a mount.nfs that mounts a folder of this machine for that of a server. */
function giveMountNfs(folder: string): void {
  const bin = join(folder, 'sbin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'mount.nfs'), '#!/bin/sh\nexec mount --bind "${1#*:}" "$2"\n', { mode: 0o755 });
  execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${bin}:/usr/sbin`, 'overlay', '/usr/sbin']);
}
