/** The kernel's table of mounts, /proc/self/mountinfo, as text and as rows. Pure. */

export interface MountEntry {
  /** Where it is seen. */
  readonly path: string;
  /** The file or folder of the filesystem that is seen there; `/` but for bind mounts. */
  readonly root: string;
  /** `major:minor` of the filesystem. */
  readonly device: string;
  readonly type: string;
  readonly source: string;
  /** Mounts that are made here later appear elsewhere as well (shared), or are taken over from there (slave). */
  readonly isShared: boolean;
  readonly isSlave: boolean;
}

export function parseMountTable(text: string): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, root, path, , ...marks] = before.split(' ');
    const [type = '', source = ''] = after.split(' ');
    if (device === undefined || root === undefined || path === undefined) continue;
    entries.push({
      path: decodeOctal(path),
      root: decodeOctal(root),
      device,
      type,
      source: decodeOctal(source),
      isShared: marks.some((mark) => mark.startsWith('shared:')),
      isSlave: marks.some((mark) => mark.startsWith('master:')),
    });
  }
  return entries;
}

/** Blanks and the like are octal numbers in the table. */
function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** The mount through which a path is reached: the last one of the longest mount point above it. */
export function mountOf(table: readonly MountEntry[], path: string): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const mount of table) {
    const isAbove = mount.path === '/' || path === mount.path || path.startsWith(`${mount.path}/`);
    if (isAbove && mount.path.length >= (best?.path.length ?? 0)) best = mount;
  }
  return best;
}
