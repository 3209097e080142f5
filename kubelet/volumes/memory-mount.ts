/**
 * mount(2) and umount2(2) for filesystems in memory, of which every Pod with a token or a Secret has one.
 *
 * A process of mount(8) costs the kubelet 15 ms each on a busy node, because the kernel copies a large process to start a
 * small one; the call takes a tenth of one. Only what cannot wait for a disk or a server is done here. Errors are told by
 * mount(8), which the caller asks where a call was refused: the number that the kernel answers says little.
 */
import koffi from 'koffi';

/** Links in the path are not followed. */
const UMOUNT_NOFOLLOW = 8;

const libc = koffi.load('libc.so.6');
const mount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options)',
) as (source: string, target: string, type: string, flags: number, options: string) => number;
const umount2 = libc.func('int umount2(const char *target, int flags)') as unknown as {
  async(target: string, flags: number, done: (error: unknown, result: number) => void): void;
};

/** True when it is mounted now. The options are those of tmpfs itself: `size=…`, `noswap`. */
export function mountTmpfs(source: string, target: string, options: readonly string[]): boolean {
  return mount(source, target, 'tmpfs', 0, options.join(',')) === 0;
}

/** True when what was mounted there last is gone. The kernel may wait some milliseconds: not on this thread. */
export function unmountTmpfs(target: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    umount2.async(target, UMOUNT_NOFOLLOW, (error, result) => {
      if (error === null || error === undefined) resolve(result === 0);
      else reject(new Error('umount2 could not be called', { cause: error }));
    });
  });
}
