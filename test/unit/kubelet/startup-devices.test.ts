/** From paths to the devices that carry them, over mount tables of real machines. */
import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Logger } from '../../../common/log.js';
import type { StartupBackend } from '../../../kubelet/config/keys/startup.js';
import { createDeviceFinder } from '../../../kubelet/startup/devices/device-finder.js';
import { deviceText } from '../../../kubelet/startup/devices/machine-view.js';
import { TableMachine } from '../../support/table-machine.js';
import type { MachineTables } from '../../support/table-machine.js';

function finderOf(
  tables: MachineTables,
  backends: readonly StartupBackend[] = [],
  log: Logger = silentLogger,
) {
  const machine = new TableMachine(tables);
  const clock = new ManualClock();
  return { machine, clock, finder: createDeviceFinder({ machine, backends, clock, log }) };
}

const system = [
  '22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw',
  '23 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw',
  '24 28 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=4022012k,mode=755',
  '26 28 0:23 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=809276k',
  '35 22 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate',
];

const azure: MachineTables = {
  mountinfo: [
    ...system,
    '28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard,errors=remount-ro',
    '95 28 8:15 / /boot/efi rw,relatime shared:33 - vfat /dev/sda15 rw,fmask=0077',
    '98 28 8:17 / /mnt rw,relatime shared:46 - ext4 /dev/sdb1 rw',
    '311 28 8:32 / /var/lib/kubelet/plugins/kubernetes.io/csi/disk.csi.azure.com/8f/globalmount rw,relatime shared:150 - ext4 /dev/sdc rw',
    '322 28 8:32 / /var/lib/kubelet/pods/a1/volumes/kubernetes.io~csi/pvc-8f/mount rw,relatime shared:150 - ext4 /dev/sdc rw',
    '330 28 0:61 / /var/lib/kubelet/pods/a1/volumes/kubernetes.io~projected/kube-api-access rw,relatime shared:160 - tmpfs tmpfs rw,size=1048576k',
  ],
  blocks: {
    '8:0': { name: 'sda' },
    '8:1': { name: 'sda1', disk: '8:0' },
    '8:15': { name: 'sda15', disk: '8:0' },
    '8:16': { name: 'sdb' },
    '8:17': { name: 'sdb1', disk: '8:16' },
    '8:32': { name: 'sdc' },
  },
  paths: {
    '/dev/sdc': { device: '8:32' },
    '/dev/disk/azure/scsi1/lun0': '../../../sdc',
    '/var/run': '/run',
    '/srv/fast': '/mnt/fast',
  },
  missing: ['/var/lib/kubelet/pods/b2', '/mnt/fast/none'],
};

const layered: MachineTables = {
  mountinfo: [
    ...system,
    '28 1 252:0 / / rw,relatime shared:1 - ext4 /dev/mapper/ubuntu--vg-ubuntu--lv rw',
    '40 28 9:127 / /srv/raid rw,relatime - xfs /dev/md127 rw,attr2,inode64',
    '41 28 252:3 / /srv/crypt rw,relatime - ext4 /dev/mapper/luks rw',
    '42 28 0:44 /@home /home rw,relatime - btrfs /dev/nvme1n1p1 rw,space_cache=v2,subvolid=256,subvol=/@home',
    '43 28 0:45 / /tank/data rw,xattr - zfs tank/data rw,xattr,noacl',
    '44 28 7:0 / /snap/core/1 ro,nodev,relatime - squashfs /dev/loop0 ro',
    '45 28 7:1 / /mnt/inner rw,noatime - ext4 /dev/loop1 rw',
    '46 28 0:46 / /mnt/blob rw,relatime - fuse.blobfuse2 blobfuse2 rw,user_id=0,group_id=0,allow_other',
    '47 28 259:9 / /mnt/ntfs rw,relatime - fuseblk /dev/nvme2n1p1 rw,user_id=0',
    '48 28 7:2 / /mnt/in-memory rw - ext4 /dev/loop2 rw',
    '49 28 253:0 / /mnt/zram rw - ext4 /dev/zram0 rw',
    '50 28 7:3 / /mnt/nested rw - ext4 /dev/loop3 rw',
    '51 28 0:70 / /mnt/b rw - bcachefs /dev/sda1:/dev/sdb1 rw',
    '52 28 0:71 / /mnt/odd rw - oddfs odd rw',
  ],
  blocks: {
    '252:0': { name: 'dm-0', members: ['8:3'] },
    '8:0': { name: 'sda' },
    '8:1': { name: 'sda1', disk: '8:0' },
    '8:3': { name: 'sda3', disk: '8:0' },
    '8:16': { name: 'sdb' },
    '8:17': { name: 'sdb1', disk: '8:16' },
    '9:127': { name: 'md127', members: ['8:17', '8:1'] },
    '252:3': { name: 'dm-3', members: ['252:2'] },
    '252:2': { name: 'dm-2', members: ['9:127'] },
    '259:1': { name: 'nvme1n1p1', disk: '259:0' },
    '259:0': { name: 'nvme1n1' },
    '259:3': { name: 'nvme3n1' },
    '259:9': { name: 'nvme2n1p1', disk: '259:8' },
    '259:8': { name: 'nvme2n1' },
    '7:0': { name: 'loop0', backingFile: '/var/lib/snapd/snaps/core_1.snap' },
    '7:1': { name: 'loop1', backingFile: '/mnt/blob/disks/inner.img' },
    '7:2': { name: 'loop2', backingFile: '/run/disk.img (deleted)' },
    '7:3': { name: 'loop3', backingFile: '/mnt/inner/disk.img' },
    '7:4': { name: 'loop4' },
    '253:0': { name: 'zram0' },
  },
  paths: {
    '/dev/nvme1n1p1': { device: '259:1' },
    '/dev/sda1': { device: '8:1' },
    '/dev/sdb1': { device: '8:17' },
    '/dev/mapper/luks': '../dm-3',
    '/dev/dm-3': { device: '252:3' },
    '/home/link-to-blob': '/mnt/blob/x',
    '/loop-a': '/loop-b',
    '/loop-b': '/loop-a',
  },
  btrfs: [['259:1', '259:3']],
};

const network: MachineTables = {
  mountinfo: [
    ...system,
    '28 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '60 28 0:50 / /mnt/nfs rw,relatime - nfs4 10.0.0.9:/export rw,vers=4.2,rsize=1048576,hard,proto=tcp',
    '61 28 0:50 /sub /var/lib/kubelet/pods/a/volumes/kubernetes.io~nfs/v rw - nfs4 10.0.0.9:/export rw,vers=4.2',
    '62 28 0:51 / /mnt/cifs rw - cifs //files.example/share rw,vers=3.1.1',
    '63 28 0:52 / /mnt/9p rw - 9p hostshare rw,trans=virtio',
    '64 28 0:53 / /mnt/v rw - virtiofs tag rw',
  ],
  blocks: { '8:1': { name: 'sda1', disk: '8:0' }, '8:0': { name: 'sda' } },
};

const overlay = (id: string, path: string, options: string, parent = '28'): string =>
  `${id} ${parent} 0:80 / ${path} rw,relatime - overlay overlay rw,${options}`;

const containerd: MachineTables = {
  mountinfo: [
    ...system,
    '28 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '70 28 8:16 / /var/lib/containerd rw - ext4 /dev/sdb rw',
    overlay(
      '71',
      '/run/containerd/io.containerd.runtime.v2.task/k8s.io/c1/rootfs',
      'lowerdir=/var/lib/containerd/s/1/fs:/var/lib/containerd/s/2/fs,upperdir=/var/lib/containerd/s/3/fs,workdir=/var/lib/containerd/s/3/work,uuid=on',
      '26',
    ),
    overlay('72', '/mnt/read-only', 'lowerdir=/var/lib/containerd/s/a\\:b/fs:/opt/x'),
    overlay('73', '/mnt/relative', 'lowerdir=1/fs:2/fs,upperdir=3/fs,workdir=3/work'),
    overlay('74', '/mnt/many', 'lowerdir+=/var/lib/containerd/s/9/fs,lowerdir+=/opt/x'),
    '75 28 8:1 /opt/data /mnt/bind rw - ext4 /dev/sda1 rw',
    '76 75 8:16 / /mnt/bind rw - ext4 /dev/sdb rw',
    '77 28 8:16 / /mnt/hidden/deep rw - ext4 /dev/sdb rw',
    '78 28 0:90 / /mnt/hidden rw - tmpfs tmpfs rw',
  ],
  blocks: {
    '8:0': { name: 'sda' },
    '8:1': { name: 'sda1', disk: '8:0' },
    '8:16': { name: 'sdb' },
  },
};

/** The node of a cluster in Docker: its root is an overlay whose folders are the host's. */
const kind: MachineTables = {
  mountinfo: [
    '28 1 0:56 / / rw,relatime - overlay overlay rw,lowerdir=/d/l/A:/d/l/B,upperdir=/d/overlay2/7f/diff,workdir=/d/overlay2/7f/work',
    '30 28 0:59 / /proc rw - proc proc rw',
    '31 28 254:1 /docker/volumes/0a/_data /var rw,relatime - ext4 /dev/vda1 rw',
    '32 28 254:1 /docker/containers/7f/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw',
  ],
  blocks: { '254:1': { name: 'vda1', disk: '254:0' }, '254:0': { name: 'vda' } },
  missing: ['/d'],
};

const cases: readonly (readonly [name: string, tables: MachineTables, path: string, expected: string])[] = [
  ['partition of a disk', azure, '/var/log/pods', '8:0 via 8:1 8:0'],
  ['temporary disk', azure, '/mnt/scratch', '8:16 via 8:17 8:16'],
  [
    'data disk of a claim',
    azure,
    '/var/lib/kubelet/pods/a1/volumes/kubernetes.io~csi/pvc-8f/mount/db',
    '8:32 via 8:32',
  ],
  [
    'Secrets in memory',
    azure,
    '/var/lib/kubelet/pods/a1/volumes/kubernetes.io~projected/kube-api-access',
    '',
  ],
  ['not there yet', azure, '/var/lib/kubelet/pods/b2/volumes/x', '8:0 via 8:1 8:0'],
  ['a link to another disk', azure, '/srv/fast/x', '8:16 via 8:17 8:16'],
  ['a link to what is not there yet', azure, '/srv/fast/none/x', '8:16 via 8:17 8:16'],
  ['a link to memory', azure, '/var/run/x', ''],
  ['a disk itself', azure, '/dev/sdc', '8:32 via 8:32'],
  ['a disk by a relative link', azure, '/dev/disk/azure/scsi1/lun0', '8:32 via 8:32'],
  ['upwards', azure, '/srv/fast/../../var/x', '8:0 via 8:1 8:0'],
  ['the kernel', azure, '/proc/1', ''],
  ['cgroups', azure, '/sys/fs/cgroup/kubepods', ''],

  ['LVM', layered, '/var', '8:0 via 252:0 8:3 8:0'],
  ['RAID', layered, '/srv/raid/x', '8:16 via 9:127 8:17 8:16, 8:0 via 9:127 8:1 8:0'],
  [
    'encrypted RAID',
    layered,
    '/srv/crypt',
    '8:16 via 252:3 252:2 9:127 8:17 8:16, 8:0 via 252:3 252:2 9:127 8:1 8:0',
  ],
  [
    'the device of that',
    layered,
    '/dev/mapper/luks',
    '8:16 via 252:3 252:2 9:127 8:17 8:16, 8:0 via 252:3 252:2 9:127 8:1 8:0',
  ],
  ['btrfs of two disks', layered, '/home/me', '259:0 via 259:1 259:0, 259:3 via 259:3'],
  ['bcachefs of two disks', layered, '/mnt/b/x', '8:0 via 8:1 8:0, 8:16 via 8:17 8:16'],
  ['zfs', layered, '/tank/data/x', 'zfs tank via '],
  ['loop on a disk', layered, '/snap/core/1/bin', '8:0 via 7:0 252:0 8:3 8:0'],
  ['FUSE', layered, '/mnt/blob/x', 'fuse 0:46 via '],
  ['a link to FUSE', layered, '/home/link-to-blob', 'fuse 0:46 via '],
  ['loop on FUSE', layered, '/mnt/inner/x', 'fuse 0:46 via 7:1'],
  ['loop on a loop on FUSE', layered, '/mnt/nested/x', 'fuse 0:46 via 7:3 7:1'],
  ['a disk read by a program', layered, '/mnt/ntfs/x', '259:8 via 259:9 259:8'],
  ['loop in memory', layered, '/mnt/in-memory', ''],
  ['compressed memory', layered, '/mnt/zram', ''],
  ['links in a circle', layered, '/loop-a/x', '8:0 via 252:0 8:3 8:0'],
  ['a filesystem nobody knows', layered, '/mnt/odd/x', 'oddfs 0:71 via '],

  ['NFS', network, '/mnt/nfs/x', 'nfs 10.0.0.9:/export via '],
  [
    'NFS of a Pod',
    network,
    '/var/lib/kubelet/pods/a/volumes/kubernetes.io~nfs/v',
    'nfs 10.0.0.9:/export via ',
  ],
  ['CIFS', network, '/mnt/cifs', 'cifs //files.example/share via '],
  ['9p', network, '/mnt/9p/a', '9p hostshare via '],
  ['virtiofs', network, '/mnt/v/a', 'virtiofs tag via '],

  [
    'a container',
    containerd,
    '/run/containerd/io.containerd.runtime.v2.task/k8s.io/c1/rootfs/etc',
    '8:16 via 8:16',
  ],
  ['an image that is only read', containerd, '/mnt/read-only/x', '8:16 via 8:16'],
  ['layers one by one', containerd, '/mnt/many/x', '8:16 via 8:16'],
  ['relative layers', containerd, '/mnt/relative/x', 'overlay 0:80 via '],
  ['the topmost of two mounts', containerd, '/mnt/bind/x', '8:16 via 8:16'],
  ['hidden below another mount', containerd, '/mnt/hidden/deep/x', ''],

  ['kind: the volume of the node', kind, '/var/lib/containerd', '254:0 via 254:1 254:0'],
  ['kind: the root', kind, '/opt', 'overlay 0:56 via '],
  ['kind: a single file', kind, '/etc/resolv.conf', '254:0 via 254:1 254:0'],
];

void t.test('the devices behind a path', async (t) => {
  for (const [name, tables, path, expected] of cases) {
    const devices = await finderOf(tables).finder.find(path);
    const found = devices.map(({ key, diskstats }) => `${key} via ${diskstats.join(' ')}`).join(', ');
    t.equal(found, expected, name);
  }
  const [disk] = await finderOf(azure).finder.find('/var');
  t.equal(disk?.about, '/dev/sda');
  t.strictSame(await finderOf(layered).finder.findBlockDevice('7:4'), [], 'a loop device that is not in use');
  t.strictSame(
    await finderOf(layered).finder.findBlockDevice('99:1'),
    [{ key: '99:1', about: '99:1', diskstats: ['99:1'] }],
    'a device that sysfs does not have',
  );
});

void t.test('nothing below a FUSE or network mount is touched: it may hang', async (t) => {
  for (const [tables, path, above] of [
    [network, '/mnt/nfs/a/b', '/mnt/nfs'],
    [layered, '/mnt/blob/a', '/mnt/blob'],
    [layered, '/home/link-to-blob/a', '/mnt/blob'],
  ] as const) {
    const { machine, finder } = finderOf(tables);
    await finder.find(path);
    t.strictSame(
      machine.looked.filter((one) => one.startsWith(above)),
      [],
      path,
    );
  }
});

void t.test('what was found holds until the mounts change', async (t) => {
  const { machine, clock, finder } = finderOf(azure);
  await Promise.all([finder.find('/mnt/x'), finder.find('/mnt/x'), finder.find('/var')]);
  t.equal(machine.reads, 1);
  const looks = machine.looked.length;
  clock.advance(2000);
  await finder.find('/mnt/x');
  t.equal(machine.reads, 2);
  t.equal(machine.looked.length, looks, 'the same table: the same answer');
  machine.tables = { ...azure, mountinfo: azure.mountinfo.filter((line) => !line.includes('/mnt ')) };
  clock.advance(500);
  t.equal((await finder.find('/mnt/x'))[0]?.key, '8:16', 'not looked at again within a second');
  clock.advance(600);
  t.equal((await finder.find('/mnt/x'))[0]?.key, '8:0', 'unmounted');
});

void t.test('a backend joins what it carries', async (t) => {
  const account: StartupBackend = {
    name: 'account',
    devices: ['/dev/disk/azure/scsi1/lun0', '8:16', '/dev/sdx'],
    mountPoints: ['/mnt', '/mnt/not-mounted'],
    storageClasses: ['managed'],
    registries: ['registry.example:5000'],
  };
  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (_message: string, fields?: unknown) => warnings.push(fields) };
  const tables = { ...azure, missing: [...(azure.missing ?? []), '/dev/sdx', '/mnt/not-mounted'] };
  const { finder, clock } = finderOf(tables, [account], log);
  const keys = async (path: string): Promise<string[]> => (await finder.find(path)).map(({ key }) => key);
  t.strictSame(await keys('/dev/sdc'), ['account'], 'a disk by a link');
  t.strictSame(await keys('/mnt/x'), ['account'], 'a disk by its number, a mount point');
  t.strictSame(
    await keys('/var'),
    ['8:0'],
    'the parent of a mount point that is not mounted is no part of it',
  );
  t.strictSame(await keys('/mnt/x'), ['account']);
  clock.advance(60_000);
  t.strictSame(await keys('/mnt/x'), ['account']);
  t.match(warnings, [{ why: '/dev/sdx of the backend account is not there or no block device' }]);
  t.equal(warnings.length, 1, 'told once');
  t.equal(finder.findBackend({ storageClass: 'managed' })?.key, 'account');
  t.equal(finder.findBackend({ registry: 'registry.example:5000' })?.key, 'account');
  t.equal(finder.findBackend({ registry: 'docker.io' }), undefined);
  finder.addToBackend('account', await finder.find('/var'));
  t.strictSame(await keys('/var'), ['account'], 'a volume of its storage class lies there');
});

void t.test('a machine that cannot be read stops nobody', async (t) => {
  const machine = new TableMachine(azure);
  machine.look = () => Promise.reject(new Error('EIO: i/o error'));
  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (_message: string, fields?: unknown) => warnings.push(fields) };
  const clock = new ManualClock();
  const finder = createDeviceFinder({ machine, backends: [], clock, log });
  t.strictSame((await finder.find('/var'))[0]?.key, '8:0', 'what is known');
  machine.mountinfo = () => Promise.reject(new Error('no /proc'));
  clock.advance(2000);
  t.strictSame(await finder.find('/var/x'), []);
  t.match(warnings, [{ what: 'path /var', why: 'EIO: i/o error' }, { why: 'no /proc' }, {}]);
});

void t.test('device numbers', async (t) => {
  t.equal(deviceText(0x0801), '8:1');
  t.equal(deviceText(0xfe00), '254:0');
  t.equal(deviceText(0x10300), '259:0');
  t.equal(deviceText(0x1000fe05), '254:65541');
});
