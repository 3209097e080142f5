/**
 * The programs that Knarr needs from the distribution. What counts is the program, not the package: a machine with
 * Docker's containerd.io has a containerd that must not be replaced.
 */
import { accessSync, constants, openSync, closeSync, readSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface NeededProgram {
  readonly program: string;
  readonly package: string;
  /** Further condition on the file found. */
  readonly isRight?: (path: string) => boolean;
}

export const neededPrograms: readonly NeededProgram[] = [
  { program: 'containerd', package: 'containerd' },
  { program: 'containerd-shim-runc-v2', package: 'containerd' },
  { program: 'ctr', package: 'containerd' },
  { program: 'runc', package: 'runc' },
  { program: 'ip', package: 'iproute2' },
  { program: 'nft', package: 'nftables' },
  { program: 'nc.openbsd', package: 'netcat-openbsd' },
  { program: 'busybox', package: 'busybox-static', isRight: isStatic },
];

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function findProgram(program: string, path = searchPath): string | undefined {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') throw error;
    }
  }
  return undefined;
}

/** Packages of programs that are not there, each once. */
export function missingPackages(programs: readonly NeededProgram[] = neededPrograms): string[] {
  const missing = programs.filter(({ program, isRight }) => {
    const file = findProgram(program);
    return file === undefined || (isRight !== undefined && !isRight(file));
  });
  return [...new Set(missing.map((program) => program.package))];
}

/** Whether an ELF file runs without a dynamic loader: it has no PT_INTERP program header. */
export function isStatic(file: string): boolean {
  const head = Buffer.alloc(4096);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  const is64Bit = head[4] === 2;
  const tableOffset = is64Bit ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28);
  const entrySize = head.readUInt16LE(is64Bit ? 54 : 42);
  const entries = head.readUInt16LE(is64Bit ? 56 : 44);
  const interpreter = 3;
  for (let index = 0; index < entries; index += 1) {
    const at = tableOffset + index * entrySize;
    if (at + 4 <= head.length && head.readUInt32LE(at) === interpreter) return false;
  }
  return true;
}
