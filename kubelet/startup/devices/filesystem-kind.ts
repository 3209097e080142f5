/** Where the data of a mounted filesystem is, as far as its line in the mount table tells. Pure. */
import { decodeOctal } from '../../volumes/mount-table.js';
import type { MountEntry } from '../../volumes/mount-table.js';

export type FilesystemKind =
  /** In memory, or made up by the kernel: no device. */
  | { readonly kind: 'memory' }
  /** On a block device with this number. */
  | { readonly kind: 'block'; readonly device: string }
  /** On these block devices: the filesystem has a number of its own. */
  | { readonly kind: 'sources'; readonly paths: readonly string[] }
  /** Where this folder is: what is written and, until it is changed, read from layers beside it. */
  | { readonly kind: 'overlay'; readonly upper: string }
  /** Behind a program or the network: the way ends here. */
  | { readonly kind: 'terminal'; readonly key: string; readonly about: string }
  /** Nobody can tell. */
  | { readonly kind: 'unknown' };

export function filesystemKind(mount: MountEntry): FilesystemKind {
  const { type, device, source } = mount;
  if (memoryTypes.has(type)) return { kind: 'memory' };
  if (type === 'overlay') {
    const upper = upperFolder(mount.superOptions);
    return upper === undefined ? { kind: 'unknown' } : { kind: 'overlay', upper };
  }
  // fuseblk, too: a program reads the disk, but the filesystem has the disk's number.
  if (!device.startsWith('0:')) return { kind: 'block', device };
  const family = networkFamilies[type];
  if (family !== undefined) return networkTerminal(family, source);
  if (type === 'fuse' || type.startsWith('fuse.'))
    return { kind: 'terminal', key: `fuse ${device}`, about: `${type} ${source} on ${mount.path}` };
  if (type === 'zfs') {
    const pool = source.split('/')[0] ?? source;
    return { kind: 'terminal', key: `zfs ${pool}`, about: `zfs pool ${pool}` };
  }
  // btrfs has one device of several here, bcachefs all of them.
  if (source.startsWith('/')) return { kind: 'sources', paths: source.split(':') };
  return { kind: 'unknown' };
}

/** Whether a look at a path below may wait for a program or a server that does not answer. */
export function mayHang({ type }: MountEntry): boolean {
  return networkFamilies[type] !== undefined || type.startsWith('fuse') || type === 'autofs';
}

/** `source` is `server:/export`, `//server/share`, … as in the mount table. */
export function networkTerminal(
  family: string,
  source: string,
): { readonly kind: 'terminal'; readonly key: string; readonly about: string } {
  const key = `${family} ${source}`;
  return { kind: 'terminal', key, about: key };
}

/** The version of the protocol makes no other disk. */
const networkFamilies: Readonly<Record<string, string>> = {
  nfs: 'nfs',
  nfs4: 'nfs',
  cifs: 'cifs',
  smb3: 'cifs',
  '9p': '9p',
  virtiofs: 'virtiofs',
  ceph: 'ceph',
  afs: 'afs',
  lustre: 'lustre',
};

const memoryTypes: ReadonlySet<string> = new Set(
  (
    'autofs bdev binder binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devpts devtmpfs efivarfs fuse.lxcfs ' +
    'fusectl hugetlbfs mqueue nsfs pipefs proc pstore ramfs resctrl rootfs rpc_pipefs securityfs selinuxfs smackfs ' +
    'sockfs sysfs tmpfs tracefs nfsd'
  ).split(' '),
);

/** Of a filesystem that is only read: its topmost layer. */
function upperFolder(superOptions: string): string | undefined {
  const options = superOptions.split(',');
  const value = (name: string): string | undefined =>
    options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const folder = value('upperdir') ?? value('lowerdir+') ?? value('lowerdir')?.split(/(?<!\\):/)[0];
  if (folder === undefined) return undefined;
  const path = decodeOctal(folder).replace(/\\(.)/g, '$1');
  return path.startsWith('/') ? path : undefined;
}
