/** A Pod with a volume of each kind that leaves something on the node, and what is left of it. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { systemClock } from '../../common/clock.js';
import { prepareContainerMounts } from '../../kubelet/volumes/container-mounts.js';
import { mountsBelow, systemMounter } from '../../kubelet/volumes/mounter.js';
import type { Mounter } from '../../kubelet/volumes/mounter.js';
import { PodFolders } from '../../kubelet/volumes/pod-folders.js';
import { volumePlugins } from '../../kubelet/volumes/registry.js';
import { VolumeManager } from '../../kubelet/volumes/volume-manager.js';
import type { ObjectLookup } from '../../kubelet/volumes/volume-manager.js';

const facts = { podIps: [], hostIp: '127.0.0.1', allocatable: { memory: '64Mi' } };
const metadata = { namespace: 'default', resourceVersion: '1', creationTimestamp: '' };
const hasLoops = existsSync('/dev/loop-control');
const uid = 'pod-1';

/** The node's folders, and what the volumes are made of. Each call is that of a kubelet that knows nothing. */
export class PodVolumes {
  readonly root: string;
  readonly #mounter: Mounter;
  readonly #folders: PodFolders;
  readonly #data: string;
  readonly #disk: string;

  constructor(mounter: Mounter, root = mkdtempSync(join(tmpdir(), 'knarr-killed-'))) {
    this.root = root;
    this.#mounter = mounter;
    this.#folders = new PodFolders({ rootDir: join(root, 'kubelet'), podLogsDir: join(root, 'logs') });
    this.#data = join(root, 'data');
    this.#disk = join(root, 'disk');
    if (existsSync(this.#data)) return;
    mkdirSync(join(this.#data, 'part'), { recursive: true });
    mkdirSync(this.#folders.all, { recursive: true });
    writeFileSync(join(this.#data, 'part/kept'), 'kept');
    writeFileSync(this.#disk, '');
    truncateSync(this.#disk, 1024 * 1024);
  }

  async make(): Promise<void> {
    const pod = this.#pod();
    const volumes = await this.#manager().setUp(pod, facts);
    for (const container of pod.spec.containers)
      await prepareContainerMounts({
        pod,
        container,
        environment: new Map(),
        volumes,
        folders: this.#folders,
        mounter: this.#mounter,
        runtime: { runtimeName: 'containerd', runtimeVersion: '1.6.20' },
        canMountRecursiveReadOnly: async () => Promise.resolve(false),
      });
  }

  async remove(): Promise<void> {
    await this.#manager().tearDown(uid);
  }

  /** All volumes are as they should be, and each is mounted once. */
  check(t: Test): void {
    const at = (plugin: string, volume: string): string =>
      this.#folders.volume(uid, `kubernetes.io~${plugin}`, volume);
    t.equal(readFileSync(join(at('configmap', 'settings'), 'color'), 'utf8'), 'red');
    t.equal(readFileSync(join(at('secret', 'password'), 'password'), 'utf8'), 's3cret');
    t.equal(readFileSync(join(at('local-volume', 'folder'), 'part/kept'), 'utf8'), 'kept');
    t.equal(readFileSync(join(this.#folders.subPath(uid, 'folder', 'main', 4), 'kept'), 'utf8'), 'kept');
    for (const volume of ['scratch', 'memory']) writeFileSync(join(at('empty-dir', volume), 'file'), 'x');
    const names = readdirSync(at('configmap', 'settings')).filter((name) => /^\.\.\d/.test(name));
    t.equal(names.length, 1, 'no half-written files');
  }

  /** What is there after the Pod's end and should not be. */
  async leftovers(): Promise<readonly string[]> {
    const mounts = mountsBelow(await systemMounter.mounts(), this.root).map(({ path }) => path);
    const pods = readdirSync(this.#folders.all).map((name) => join('pods', name));
    const loops = hasLoops
      ? execFileSync('losetup', ['--associated', this.#disk], { encoding: 'utf8' }).split('\n')
      : [];
    const shared = join(this.#folders.shared('kubernetes.io~local-volume'), 'loops');
    const notes = existsSync(shared) ? readdirSync(shared) : [];
    const isLost = readFileSync(join(this.#data, 'part/kept'), 'utf8') !== 'kept';
    return [
      ...mounts,
      ...pods,
      ...loops.filter((line) => line !== ''),
      ...notes,
      ...(isLost ? ['lost data'] : []),
    ];
  }

  /** Only once nothing is left over. */
  forget(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #pod(): Pod {
    const mounted = ['scratch', 'memory', 'settings', 'password', 'folder'];
    const volumeMounts = mounted.map((name) => ({
      name,
      mountPath: `/${name}`,
      ...(name === 'folder' ? { subPath: 'part' } : {}),
    }));
    const volumeDevices = hasLoops ? [{ name: 'disk', devicePath: '/dev/x' }] : [];
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: 'p', uid },
      spec: {
        securityContext: { fsGroup: 2000 },
        containers: [{ name: 'main', volumeMounts, volumeDevices }],
        volumes: [
          { name: 'scratch', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'password', secret: { secretName: 'password' } },
          { name: 'folder', persistentVolumeClaim: { claimName: 'folder' } },
          { name: 'disk', persistentVolumeClaim: { claimName: 'disk' } },
        ],
      },
      status: {},
    };
  }

  #manager(): VolumeManager {
    return new VolumeManager({
      plugins: volumePlugins,
      mounter: this.#mounter,
      folders: this.#folders,
      clock: systemClock,
      objects: this.#objects(),
    });
  }

  #objects(): ObjectLookup {
    const local = { folder: this.#data, disk: this.#disk };
    const password = Buffer.from('s3cret').toString('base64');
    return {
      configMap: (_pod, name) =>
        Promise.resolve({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { ...metadata, uid: 'u', name },
          data: { color: 'red' },
        }),
      secret: (_pod, name) =>
        Promise.resolve({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { ...metadata, uid: 'u', name },
          data: { password },
        }),
      token: () => Promise.resolve('token'),
      claim: (_namespace, name) =>
        Promise.resolve({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { ...metadata, uid: name, name },
          spec: { volumeName: name },
          status: { phase: 'Bound' },
        }),
      persistentVolume: (name) =>
        Promise.resolve({
          apiVersion: 'v1',
          kind: 'PersistentVolume',
          metadata: { ...metadata, uid: name, name },
          spec: {
            claimRef: { uid: name },
            local: { path: local[name as keyof typeof local] },
            volumeMode: name === 'disk' ? 'Block' : 'Filesystem',
          },
          status: {},
        }),
      image: (_pod, reference) => Promise.resolve(reference),
      node: () => undefined,
    };
  }
}
