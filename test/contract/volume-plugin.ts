/**
 * What every volume plugin keeps, whatever it mounts: the same call twice gives the same volume and no second mount, a
 * manager that knows nothing takes it over, and the end leaves nothing behind but what was not the Pod's own.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { PersistentVolume, Pod, PodSpec, Volume } from '../../api/generated/core-v1.js';
import { systemClock } from '../../common/clock.js';
import { mountsBelow, systemMounter } from '../../kubelet/volumes/mounter.js';
import { PodFolders } from '../../kubelet/volumes/pod-folders.js';
import type { ObjectLookup } from '../../kubelet/volumes/volume-manager.js';
import { VolumeManager } from '../../kubelet/volumes/volume-manager.js';
import type { ReadyVolume, VolumePlugin } from '../../kubelet/volumes/volume-plugin.js';
import { volumePlugins } from '../../kubelet/volumes/registry.js';

export const facts = { podIps: [], hostIp: '127.0.0.1', allocatable: { memory: '64Mi' } };

/** A node's folders with a manager on them. `manager()` makes one that has no memory, as after a restart. */
export class VolumeRig {
  readonly root = mkdtempSync(join(tmpdir(), 'knarr-volumes-'));
  readonly folders = new PodFolders({ rootDir: this.root, podLogsDir: join(this.root, 'logs') });
  readonly #objects: Partial<ObjectLookup>;

  constructor(objects: Partial<ObjectLookup> = {}) {
    this.#objects = objects;
  }

  manager(plugins: readonly VolumePlugin[] = volumePlugins): VolumeManager {
    return new VolumeManager({
      plugins,
      mounter: systemMounter,
      folders: this.folders,
      clock: systemClock,
      objects: { ...noObjects, ...this.#objects },
    });
  }

  async mounts(): Promise<readonly string[]> {
    return mountsBelow(await systemMounter.mounts(), this.root).map(({ path }) => path);
  }

  /** Fails when something is still mounted: then removing it would be what these tests are against. */
  async remove(): Promise<void> {
    const left = await this.mounts();
    if (left.length > 0) throw new Error(`still mounted: ${left.join(', ')}`);
    rmSync(this.root, { recursive: true, force: true });
  }
}

export const noObjects: ObjectLookup = {
  configMap: async () => undefined,
  secret: async () => undefined,
  token: async () => 'token',
  claim: async () => undefined,
  persistentVolume: async () => undefined,
  image: async (_pod, reference) => `sha256:${reference}`,
  node: () => undefined,
};

/** A Pod with one volume, `data`, mounted by its container. */
export function podOf(uid: string, volume: Omit<Volume, 'name'>, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: uid, namespace: 'default', uid, resourceVersion: '1', creationTimestamp: '' },
    spec: {
      containers: [{ name: 'main', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
      volumes: [{ name: 'data', ...volume }],
      ...spec,
    },
    status: {},
  };
}

/** The lookup of one claim, `claim`, bound to a PersistentVolume `pv` with this source. */
export function claimed(source: Partial<PersistentVolume['spec']>): Partial<ObjectLookup> {
  const metadata = { resourceVersion: '1', creationTimestamp: '', uid: 'claim-uid' };
  return {
    claim: async (namespace, name) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...metadata, namespace, name },
      spec: { volumeName: 'pv' },
      status: { phase: 'Bound' },
    }),
    persistentVolume: async (name) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { ...metadata, name, uid: 'pv-uid' },
      spec: { claimRef: { uid: 'claim-uid' }, ...source },
      status: {},
    }),
  };
}

export interface PluginSample {
  readonly plugin: VolumePlugin;
  readonly objects?: Partial<ObjectLookup>;
  readonly pod: (uid: string) => Pod;
  /** Called once the volume is ready, each time. */
  readonly check: (t: Test, ready: ReadyVolume) => void;
  /** Mounts that one Pod has of it, below the kubelet's folder. */
  readonly mounts: number;
  /** A file of somebody else's that must be there at the end. */
  readonly keeps?: string;
}

export async function volumePluginContract(t: Test, sample: PluginSample): Promise<void> {
  const { plugin } = sample;
  t.match(plugin.folderName, /^kubernetes\.io~[a-z-]+$/);
  t.equal(volumePlugins.filter(({ folderName }) => folderName === plugin.folderName).length, 1);
  const rig = new VolumeRig(sample.objects);
  const manager = rig.manager();
  const [one, other] = [sample.pod('pod-1'), sample.pod('pod-2')];
  mkdirSync(rig.folders.all, { recursive: true });

  const ready = (await manager.setUp(one, facts)).get('data');
  if (ready === undefined) throw new Error('the volume is not there');
  sample.check(t, ready);
  const mounts = await rig.mounts();
  t.equal(mounts.length, sample.mounts, 'it mounts what it should');

  t.strictSame((await manager.setUp(one, facts)).get('data'), ready, 'again: the same volume');
  const heir = rig.manager();
  t.strictSame(
    (await heir.setUp(one, facts)).get('data'),
    ready,
    'a restarted kubelet finds the same volume',
  );
  t.strictSame(await rig.mounts(), mounts, 'nothing was mounted twice');
  sample.check(t, ready);

  await Promise.all([heir.setUp(one, facts), heir.setUp(other, facts)]);
  await heir.tearDown('pod-1');
  t.notOk(existsSync(rig.folders.pod('pod-1')), 'the first pod is gone');
  const second = (await heir.setUp(other, facts)).get('data');
  if (second !== undefined) sample.check(t, second);
  await rig.manager().tearDown('pod-2');
  await rig.manager().tearDown('pod-2');
  t.strictSame(await rig.mounts(), [], 'nothing is mounted');
  t.notOk(existsSync(rig.folders.pod('pod-2')), 'nothing is left of the pods');
  if (sample.keeps !== undefined) t.ok(readFileSync(sample.keeps), 'what is not ours is there');
  await rig.remove();
}
