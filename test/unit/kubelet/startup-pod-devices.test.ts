/** Which devices a Pod is charged to, with the volumes as the kubelet itself finds them. */
import t from 'tap';
import type { PersistentVolume, Pod } from '../../../api/generated/core-v1.js';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { registryOf } from '../../../kubelet/images/image-name.js';
import type { StartupBackend } from '../../../kubelet/config/keys/startup.js';
import { createDeviceFinder } from '../../../kubelet/startup/devices/device-finder.js';
import { createPodDevices } from '../../../kubelet/startup/devices/devices-of-pod.js';
import type { PodDevicesOptions } from '../../../kubelet/startup/devices/devices-of-pod.js';
import { systemMounter } from '../../../kubelet/volumes/mounter.js';
import { PodFolders } from '../../../kubelet/volumes/pod-folders.js';
import { volumePlugins } from '../../../kubelet/volumes/registry.js';
import type { ObjectLookup } from '../../../kubelet/volumes/volume-manager.js';
import { VolumeManager } from '../../../kubelet/volumes/volume-manager.js';
import { claimed, noObjects, podOf } from '../../contract/volume-plugin.js';
import { TableMachine } from '../../support/table-machine.js';

const disk = (id: number, path: string, device: string): string =>
  `${String(id)} ${path === '/' ? '1' : '28'} ${device} / ${path} rw - ext4 /dev/x rw`;

const tables = {
  mountinfo: [
    disk(28, '/', '8:0'),
    '29 28 0:5 / /dev rw - devtmpfs udev rw',
    disk(30, '/var/lib/kubelet', '8:16'),
    disk(31, '/var/lib/containerd', '8:32'),
    disk(32, '/var/log', '8:48'),
    disk(33, '/mnt/disk', '8:64'),
    '34 33 8:80 / /mnt/disk/snapshots rw - ext4 /dev/x rw',
  ],
  blocks: Object.fromEntries(
    ['8:0', '8:16', '8:32', '8:48', '8:64', '8:80', '8:96'].map((device) => [
      device,
      { name: `sd ${device}` },
    ]),
  ),
  paths: { '/dev/sdg': { device: '8:96' } },
};

const backends: readonly StartupBackend[] = [
  {
    name: 'account',
    devices: ['8:80'],
    mountPoints: [],
    storageClasses: ['managed'],
    registries: ['registry.example:5000'],
  },
];

interface Setting {
  readonly objects?: Partial<ObjectLookup>;
  readonly filesystems?: PodDevicesOptions['runtime']['imageFilesystems'];
  readonly log?: typeof silentLogger;
}

const usage = (mountpoint: string) => ({ mountpoint, usedBytes: 0, usedInodes: 0 });

function podDevices({ objects = {}, filesystems, log = silentLogger }: Setting) {
  const folders = new PodFolders({ rootDir: '/var/lib/kubelet', podLogsDir: '/var/log/pods' });
  const clock = new ManualClock();
  const finder = createDeviceFinder({ machine: new TableMachine(tables), backends, clock, log });
  const volumes = new VolumeManager({
    plugins: volumePlugins,
    mounter: systemMounter,
    folders,
    clock,
    objects: { ...noObjects, ...objects },
  });
  const images = [usage('/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs')];
  const runtime = { imageFilesystems: filesystems ?? (async () => ({ images, containers: [] })) };
  return createPodDevices({ finder, runtime, volumes, folders, log });
}

const claim = { persistentVolumeClaim: { claimName: 'claim' } };
const source = (spec: Partial<PersistentVolume['spec']>): Partial<ObjectLookup> => claimed(spec);

/** Beside the disks that every Pod lies on. */
const cases: readonly (readonly [
  name: string,
  pod: Pod,
  objects: Partial<ObjectLookup>,
  expected: string,
])[] = [
  ['emptyDir', podOf('a', { emptyDir: {} }), {}, ''],
  ['emptyDir in memory', podOf('a', { emptyDir: { medium: 'Memory' } }), {}, ''],
  ['hostPath', podOf('a', { hostPath: { path: '/mnt/disk/a' } }), {}, '8:64'],
  ['hostPath that is not there yet', podOf('a', { hostPath: { path: '/mnt/new' } }), {}, '8:0'],
  [
    'a volume that no container uses',
    podOf('a', { hostPath: { path: '/mnt' } }, { containers: [{ name: 'main' }] }),
    {},
    '',
  ],
  ['nfs', podOf('a', { nfs: { server: '10.0.0.9', path: '/e' } }), {}, 'nfs 10.0.0.9:/e'],
  ['nfs by IPv6', podOf('a', { nfs: { server: 'fd00::9', path: '/e' } }), {}, 'nfs [fd00::9]:/e'],
  ['claim: local folder', podOf('a', claim), source({ local: { path: '/mnt/disk/pv' } }), '8:64'],
  ['claim: local disk', podOf('a', claim), source({ local: { path: '/dev/sdg' } }), '8:96'],
  ['claim: hostPath', podOf('a', claim), source({ hostPath: { path: '/mnt/disk/pv' } }), '8:64'],
  ['claim: nfs', podOf('a', claim), source({ nfs: { server: 's', path: '/e' } }), 'nfs s:/e'],
  [
    'claim: a block volume',
    podOf('a', claim, {
      containers: [{ name: 'main', volumeDevices: [{ name: 'data', devicePath: '/dev/x' }] }],
    }),
    source({ local: { path: '/dev/sdg' }, volumeMode: 'Block' }),
    '8:96',
  ],
  [
    'claim: a class of a backend',
    podOf('a', claim),
    source({ local: { path: '/mnt/disk/pv' }, storageClassName: 'managed' }),
    'account',
  ],
  ['a disk of a backend', podOf('a', { hostPath: { path: '/mnt/disk/snapshots' } }), {}, 'account'],
  ['a claim that is not bound', podOf('a', claim), {}, ''],
  ['a driver that is not there', podOf('a', claim), source({ csi: { driver: 'd', volumeHandle: 'h' } }), ''],
];

void t.test('the devices of a Pod', async (t) => {
  const everywhere = ['8:32', '8:16', '8:48'];
  for (const [name, pod, objects, expected] of cases) {
    const devices = await podDevices({ objects }).devicesOfPod(pod, [], new AbortController().signal);
    const keys = devices.map(({ key }) => key);
    t.strictSame(keys, [...everywhere, ...(expected === '' ? [] : [expected])], name);
  }
});

void t.test('a disk of a storage class is its backend from then on, also for others', async (t) => {
  const { signal } = new AbortController();
  const objects = source({ local: { path: '/mnt/disk/pv' }, storageClassName: 'managed' });
  const devices = podDevices({ objects });
  const hostPath = podOf('b', { hostPath: { path: '/mnt/disk/b' } });
  t.match(await devices.devicesOfPod(podOf('a', claim), [], signal), [
    {},
    {},
    {},
    { key: 'account', diskstats: ['8:64'] },
  ]);
  t.match(await devices.devicesOfPod(hostPath, [], signal), [{}, {}, {}, { key: 'account' }]);
});

void t.test('a registry counts when an image must be pulled from it', async (t) => {
  const { signal } = new AbortController();
  const images = ['registry.example:5000/shop/app:1', 'registry.example/app', 'nginx', '///'];
  const devices = await podDevices({}).devicesOfPod(podOf('a', { emptyDir: {} }), images, signal);
  t.equal(devices.at(-1)?.key, 'account');
  t.equal(devices.length, 4);
  for (const [image, registry] of [
    ['nginx', 'docker.io'],
    ['library/nginx:1', 'docker.io'],
    ['localhost/a', 'localhost'],
    ['registry.example:5000/a@sha256:' + '0'.repeat(64), 'registry.example:5000'],
    ['[::1]:5000/a', '[::1]:5000'],
    ['Bad Image', undefined],
  ] as const)
    t.equal(registryOf(image), registry, image);
});

void t.test('what cannot be found out is told once and stops nobody', async (t) => {
  const { signal } = new AbortController();
  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (_message: string, fields?: unknown) => void warnings.push(fields) };
  let asked = 0;
  const filesystems = async (): Promise<never> => {
    asked++;
    throw new Error('the runtime is away');
  };
  const devices = podDevices({ filesystems, log });
  for (const uid of ['a', 'b'])
    t.match(await devices.devicesOfPod(podOf(uid, { emptyDir: {} }), [], signal), [
      { key: '8:16' },
      { key: '8:48' },
    ]);
  t.equal(asked, 2, 'asked again');
  t.strictSame(warnings, [{ what: 'the folders of the runtime', why: 'the runtime is away' }]);
  const stopped = AbortSignal.abort(new Error('stopped'));
  const never = podDevices({ filesystems: () => new Promise(() => undefined) });
  await t.rejects(never.devicesOfPod(podOf('a', { emptyDir: {} }), [], stopped), { message: 'stopped' });
});
