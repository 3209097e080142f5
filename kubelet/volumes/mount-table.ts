/** The kernel's table of mounts, /proc/self/mountinfo, as text and as rows. Pure. */

export interface MountEntry {
  readonly id: string;
  /** The mount that this one is made in, or lies above. */
  readonly parentId: string;
  /** Where it is seen. */
  readonly path: string;
  /** The file or folder of the filesystem that is seen there; `/` but for bind mounts. */
  readonly root: string;
  /** `major:minor` of the filesystem. */
  readonly device: string;
  readonly type: string;
  readonly source: string;
  /** Options of the filesystem, still with its own escapes: `rw,upperdir=/u,workdir=/w`. */
  readonly superOptions: string;
  /** Mounts that are made here later appear elsewhere as well (shared), or are taken over from there (slave). */
  readonly isShared: boolean;
  readonly isSlave: boolean;
}

export function parseMountTable(text: string): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    // A source may itself be a hyphen.
    const middle = line.indexOf(' - ');
    if (middle < 0) continue;
    const [id = '', parentId = '', device, root, path, , ...marks] = line.slice(0, middle).split(' ');
    const [type = '', source = '', superOptions = ''] = line.slice(middle + 3).split(' ');
    if (device === undefined || root === undefined || path === undefined) continue;
    entries.push({
      id,
      parentId,
      path: decodeOctal(path),
      root: decodeOctal(root),
      device,
      type,
      source: decodeOctal(source),
      superOptions,
      isShared: marks.some((mark) => mark.startsWith('shared:')),
      isSlave: marks.some((mark) => mark.startsWith('master:')),
    });
  }
  return entries;
}

/** Blanks and the like are octal numbers in the table. */
export function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * The mount through which a path without symbolic links is reached. Walked from mount to mount as the kernel does: one
 * that lies above others hides them, with all that is mounted in them.
 */
export function mountOf(table: readonly MountEntry[], path: string): MountEntry | undefined {
  const above = table.filter(
    (mount) => mount.path === '/' || path === mount.path || path.startsWith(`${mount.path}/`),
  );
  const ids = new Set(above.map(({ id }) => id));
  let reached = firstOnTheWay(above.filter(({ id, parentId }) => !ids.has(parentId) || id === parentId));
  for (let next = reached; next !== undefined;) {
    reached = next;
    const { id } = next;
    next = firstOnTheWay(above.filter((mount) => mount.parentId === id && mount.id !== id));
  }
  return reached;
}

/** Of mounts at one place the last one lies on top. */
function firstOnTheWay(mounts: readonly MountEntry[]): MountEntry | undefined {
  let first: MountEntry | undefined;
  for (const mount of mounts)
    if (first === undefined || mount.path.length <= first.path.length) first = mount;
  return first;
}
