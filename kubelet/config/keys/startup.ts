/** Keys of the startup gate: how many Pods may start at once on each disk. Knarr's own; Kubernetes has no such thing. */
import { choice, ConfigurationProblem, duration, fail, group, integer, list, readText } from '../field.js';

/** Several disks, mounts, storage classes or registries that share one store behind them, and so one pace. */
export interface StartupBackend {
  readonly name: string;
  /** `/dev/sdc` or `8:32`. */
  readonly devices: readonly string[];
  readonly mountPoints: readonly string[];
  readonly storageClasses: readonly string[];
  /** `host` or `host:port`, as the names of images begin. */
  readonly registries: readonly string[];
}

const members = ['devices', 'mountPoints', 'storageClasses', 'registries'] as const;

function readDevice(value: unknown, where: string): string {
  const device = readText(value, where);
  return /^(?:\/dev\/\S+|\d+:\d+)$/.test(device)
    ? device
    : fail(where, value, 'a device such as /dev/sdc or 8:32');
}

function readMountPoint(value: unknown, where: string): string {
  const path = readText(value, where);
  return path.startsWith('/') ? path : fail(where, value, 'an absolute path, such as /mnt/data');
}

function readRegistry(value: unknown, where: string): string {
  const registry = readText(value, where);
  return /^[^\s/]+$/.test(registry) ? registry : fail(where, value, 'a registry: host or host:port');
}

function readClass(value: unknown, where: string): string {
  const name = readText(value, where);
  return name === '' ? fail(where, value, 'the name of a StorageClass') : name;
}

const readers = {
  devices: readDevice,
  mountPoints: readMountPoint,
  storageClasses: readClass,
  registries: readRegistry,
} satisfies Record<(typeof members)[number], (value: unknown, where: string) => string>;

function readBackend(value: unknown, where: string): StartupBackend {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(where, value, `a map: name and ${members.join(', ')}`);
  const given = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(given).find((key) => key !== 'name' && !members.some((one) => one === key));
  if (unknown !== undefined) throw new ConfigurationProblem(`${where}.${unknown}: unknown key`);
  const name = readText(given['name'], `${where}.name`);
  if (name === '') return fail(`${where}.name`, name, 'a name: people read it in conditions and tables');
  const read = (member: (typeof members)[number]): readonly string[] => {
    const items = given[member] ?? [];
    if (!Array.isArray(items)) return fail(`${where}.${member}`, items, 'a list');
    return items.map((one: unknown, index) => readers[member](one, `${where}.${member}[${String(index)}]`));
  };
  const backend: StartupBackend = {
    name,
    devices: read('devices'),
    mountPoints: read('mountPoints'),
    storageClasses: read('storageClasses'),
    registries: read('registries'),
  };
  if (members.every((member) => backend[member].length === 0))
    return fail(where, value, `a backend: give at least one of ${members.join(', ')}`);
  return backend;
}

export const startupKeys = {
  startupIO: group({
    mode: choice('Adaptive', ['Adaptive', 'Fixed', 'Off'], {
      about: 'Who says how many pods may start at once on a disk: a controller, a number, or nobody.',
    }),
    fixedLimit: integer(8, { min: 1 }, { about: 'That number, of each disk, when the mode is Fixed.' }),
    initialLimit: integer(2, { min: 1 }, { about: 'With how many the controller begins on a disk.' }),
    maxLimit: integer(
      0,
      { min: 0 },
      { about: 'The most that the controller lets start at once; 0: no bound.' },
    ),
    slotTimeout: duration('10m', {
      about: 'After this a slot is given on although its pod is not ready.',
      minMs: 1000,
    }),
    quietPeriod: duration('10s', {
      about: 'A start that has not touched its disks for so long holds no slot until it does again.',
      minMs: 1000,
    }),
    sparedFor: duration('10m', {
      about:
        'How long at most a container that makes progress is not killed by its probes while its disk is saturated.',
      minMs: 1000,
    }),
    backends: list(
      [],
      { type: 'backends', read: readBackend },
      {
        about:
          'Stores that several disks share: name, and devices, mountPoints, storageClasses or registries behind it.',
      },
    ),
  }),
};
