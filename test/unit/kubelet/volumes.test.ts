/** What volumes decide, by tables: claims, sizes, modes, sub-paths, and the order of work. */
import t from 'tap';
import type {
  Container,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  Volume,
  VolumeMount,
} from '../../../api/generated/core-v1.js';
import { claimNameOf } from '../../../api/volume-binding.js';
import { isRecursiveReadOnly } from '../../../kubelet/volumes/container-mounts.js';
import { hugePageSize, memoryBytes } from '../../../kubelet/volumes/empty-dir.js';
import { mountOf, parseMountTable } from '../../../kubelet/volumes/mount-table.js';
import { mountsBelow } from '../../../kubelet/volumes/mounter.js';
import { imageMounts, imageSubPaths, whyNot } from '../../../kubelet/volumes/image-support.js';
import { wantedSubPath } from '../../../kubelet/volumes/sub-path.js';
import { Turns } from '../../../kubelet/volumes/turns.js';
import { belongsToGroup, groupMode } from '../../../kubelet/volumes/volume-ownership.js';
import { checkClaim, specOfClaim, specOfVolume, volumeUses } from '../../../kubelet/volumes/volume-spec.js';

const metadata = { resourceVersion: '1', creationTimestamp: '' };

function podWith(spec: Partial<PodSpec>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: 'p', namespace: 'shop', uid: 'pod-uid' },
    spec: { containers: [{ name: 'main' }], ...spec },
    status: {},
  };
}

function limited(...limits: (Record<string, string> | undefined)[]): Pod {
  const containers: Container[] = limits.map((limit, index) => ({
    name: `c${String(index)}`,
    ...(limit === undefined ? {} : { resources: { limits: limit } }),
  }));
  return podWith({ containers });
}

void t.test('the mount table of the kernel', async (t) => {
  const table = parseMountTable(
    [
      '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
      '28 27 0:25 / /mnt ro shared:5 master:3 - tmpfs tmpfs ro',
      '29 28 254:0 /data/x /mnt/a\\040b rw master:1 - ext4 /dev/vda rw',
      '30 28 0:26 / /mnt/a\\040b rw - tmpfs over rw',
      '31 27 0:27 / /mntx rw - tmpfs other rw',
      '',
    ].join('\n'),
  );
  t.strictSame(
    table.map(({ path, root, type, isShared, isSlave }) => [path, root, type, isShared, isSlave]),
    [
      ['/', '/', 'ext4', false, false],
      ['/mnt', '/', 'tmpfs', true, true],
      ['/mnt/a b', '/data/x', 'ext4', false, true],
      ['/mnt/a b', '/', 'tmpfs', false, false],
      ['/mntx', '/', 'tmpfs', false, false],
    ],
  );
  t.strictSame(
    mountsBelow(table, '/mnt').map(({ path, source }) => [path, source]),
    [
      ['/mnt/a b', 'over'],
      ['/mnt/a b', '/dev/vda'],
      ['/mnt', 'tmpfs'],
    ],
    'deepest first, the one above before the one below it',
  );
  for (const [path, source] of [
    ['/etc', '/dev/vda'],
    ['/mnt/c', 'tmpfs'],
    ['/mnt/a b/c', 'over'],
    ['/mntx', 'other'],
    ['/mnty', '/dev/vda'],
  ] as const)
    t.equal(mountOf(table, path)?.source, source, path);
});

void t.test('modes for a group', async (t) => {
  for (const [mode, isFolder, readOnly, expected] of [
    [0o600, false, false, 0o660],
    [0o400, false, true, 0o440],
    [0o755, true, false, 0o2775],
    [0o777, true, true, 0o2777],
    [0o700, true, true, 0o2750],
  ] as const)
    t.equal(groupMode(mode, isFolder, readOnly).toString(8), expected.toString(8));
  for (const [gid, mode, expected] of [
    [7, 0o2770, true],
    [8, 0o2770, false],
    [7, 0o770, false],
    [7, 0o2750, false],
  ] as const)
    t.equal(belongsToGroup({ gid, mode }, 7, false), expected, `${String(gid)} ${mode.toString(8)}`);
});

void t.test('how large a volume in memory may be', async (t) => {
  const facts = { podIps: [], hostIp: '', allocatable: { memory: '100Mi' } };
  const mebibyte = 1024 * 1024;
  for (const [what, pod, limit, expected] of [
    ['the node bounds it', limited(undefined), undefined, 100],
    ['its own limit', limited(undefined), 10, 10],
    ['its own limit, above the node', limited(undefined), 1000, 100],
    ['the sum of the containers', limited({ memory: '20Mi' }, { memory: '30Mi' }), undefined, 50],
    ['one container has no limit', limited({ memory: '20Mi' }, undefined), undefined, 100],
    ['the limit of the pod', podWith({ resources: { limits: { memory: '40Mi' } } }), 60, 40],
  ] as const)
    t.equal(memoryBytes(pod, facts, limit && limit * mebibyte) / mebibyte, expected, what);
  t.equal(memoryBytes(limited(undefined), { ...facts, allocatable: {} }, undefined), 0);
});

void t.test('huge pages', async (t) => {
  const one = limited({ 'hugepages-2Mi': '4Mi' });
  const two = limited({ 'hugepages-2Mi': '4Mi' }, { 'hugepages-1Gi': '1Gi' });
  t.equal(hugePageSize(one, 'HugePages'), 2 * 1024 * 1024);
  t.equal(hugePageSize(two, 'HugePages-1Gi'), 1024 * 1024 * 1024);
  t.throws(() => hugePageSize(two, 'HugePages'), /of one size, not 2/);
  t.throws(() => hugePageSize(one, 'HugePages-1Gi'), /no container of the pod requests huge pages/);
  t.throws(() => hugePageSize(one, 'Floppy'), /unknown storage medium "Floppy"/);
});

void t.test('the path below a volume', async (t) => {
  const environment = new Map([['NAME', 'web']]);
  const wanted = (mount: Partial<VolumeMount>): string | undefined =>
    wantedSubPath({ name: 'data', mountPath: '/x', ...mount }, environment);
  for (const [mount, expected] of [
    [{}, undefined],
    [{ subPath: '' }, undefined],
    [{ subPath: '.' }, undefined],
    [{ subPath: './a//b/' }, 'a/b'],
    [{ subPath: 'a..b/..c' }, 'a..b/..c'],
    [{ subPathExpr: '$(NAME)/logs' }, 'web/logs'],
    [{ subPathExpr: '$$(NAME)' }, '$(NAME)'],
  ] as const)
    t.equal(wanted(mount), expected, JSON.stringify(mount));
  t.throws(() => wanted({ subPath: '/etc' }), /SubPath `\/etc` must not be an absolute path/);
  t.throws(() => wanted({ subPath: 'a/../b' }), /unable to provision SubPath `a\/..\/b`: must not contain/);
  t.throws(() => wanted({ subPathExpr: '$(NONE)/x' }), { message: 'missing value for "NONE"' });
});

void t.test('recursive read-only mounts', async (t) => {
  const ask = (more: Partial<VolumeMount>, isSupported: boolean): boolean =>
    isRecursiveReadOnly({ name: 'v', mountPath: '/v', readOnly: true, ...more }, isSupported);
  t.equal(ask({}, true), false);
  t.equal(ask({ recursiveReadOnly: 'IfPossible' }, false), false);
  t.equal(ask({ recursiveReadOnly: 'IfPossible' }, true), true);
  t.equal(ask({ recursiveReadOnly: 'Enabled' }, true), true);
  const trouble = 'volume "v" requested recursive read-only mode, but it is not';
  t.throws(() => ask({ recursiveReadOnly: 'Enabled' }, false), {
    message: `${trouble} supported by the runtime`,
  });
  t.throws(() => ask({ recursiveReadOnly: 'Enabled', readOnly: false }, true), {
    message: `${trouble} read-only`,
  });
  t.throws(() => ask({ recursiveReadOnly: 'Enabled', mountPropagation: 'HostToContainer' }, true), {
    message: `${trouble} compatible with propagation "HostToContainer"`,
  });
});

void t.test('image volumes need a runtime that has them', async (t) => {
  const old = (first: string, version: string): string => `need ${first} or later: this node runs ${version}`;
  const table: [Parameters<typeof whyNot>[0], string, string, string?][] = [
    [imageMounts, 'containerd', '2.1.0'],
    [imageMounts, 'containerd', 'v2.2.1'],
    [imageMounts, 'containerd', '3.0.0'],
    [imageMounts, 'containerd', '1.6.20~ds1', old('containerd 2.1', '1.6.20~ds1')],
    [imageMounts, 'containerd', '2.0.4', old('containerd 2.1', '2.0.4')],
    [imageMounts, 'cri-o', '1.30.1', old('cri-o 1.31', '1.30.1')],
    [imageSubPaths, 'containerd', '2.1.9', old('containerd 2.2', '2.1.9')],
    [imageSubPaths, 'containerd', '2.2.0'],
    // Of others nothing is known: they say so themselves.
    [imageMounts, 'other', '0.1'],
  ];
  for (const [feature, runtimeName, runtimeVersion, expected] of table) {
    const told = whyNot(feature, { runtimeName, runtimeVersion });
    const what = `${feature.name}, ${runtimeName} ${runtimeVersion}`;
    t.equal(told, expected === undefined ? undefined : `${feature.name} ${expected}`, what);
  }
});

const claim: PersistentVolumeClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { ...metadata, name: 'data', namespace: 'shop', uid: 'claim-uid' },
  spec: { volumeName: 'pv-1' },
  status: { phase: 'Bound' },
};
const persistentVolume: PersistentVolume = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { ...metadata, name: 'pv-1', uid: 'pv-uid' },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOncePod'],
    local: { path: '/disk' },
    claimRef: { name: 'data', namespace: 'shop', uid: 'claim-uid' },
    mountOptions: ['noatime'],
  },
  status: {},
};
const volume: Volume = { name: 'v', persistentVolumeClaim: { claimName: 'data' } };
const mounting = podWith({ containers: [{ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] });
const mapping = podWith({
  containers: [{ name: 'c', volumeDevices: [{ name: 'v', devicePath: '/dev/v' }] }],
});

void t.test('claims that can be used, and those that cannot', async (t) => {
  const check = (found: PersistentVolumeClaim | undefined, of = volume): PersistentVolumeClaim =>
    checkClaim(mounting, of, claimNameOf(mounting, of) ?? '', found);
  t.equal(check(claim), claim);
  const trouble = 'error processing PVC shop/data: ';
  t.throws(() => check(undefined), {
    message: `${trouble}failed to fetch PVC from API server: persistentvolumeclaims "data" not found`,
  });
  t.throws(() => check({ ...claim, status: { phase: 'Pending' } }), {
    message: `${trouble}PVC is not bound`,
  });
  t.throws(() => check({ ...claim, spec: {} }), { message: `${trouble}PVC is not bound` });
  const ending = { ...claim, metadata: { ...claim.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  t.throws(() => check(ending), { message: `${trouble}PVC is being deleted` });
  const ephemeral: Volume = { name: 'v', ephemeral: {} };
  t.equal(claimNameOf(mounting, ephemeral), 'p-v');
  t.throws(() => check(claim, ephemeral), /PVC was not created for pod p \(pod is not owner\)/);
});

void t.test('what is mounted for a claim', async (t) => {
  const spec = (changes: Partial<PersistentVolume['spec']> = {}, pod = mounting, node?: Node) =>
    specOfClaim({
      volume,
      claim,
      persistentVolume: { ...persistentVolume, spec: { ...persistentVolume.spec, ...changes } },
      node,
      uses: volumeUses(pod),
    });
  t.match(spec(), {
    name: 'pv-1',
    kind: 'local',
    mode: 'Filesystem',
    readOnly: false,
    mountOptions: ['noatime'],
    claim: 'shop/data',
    isForOnePod: true,
  });
  t.match(spec({ volumeMode: 'Block' }, mapping), { mode: 'Block' });
  t.throws(() => spec({ volumeMode: 'Block' }), /has volumeMode Block, but is specified in volumeMounts/);
  t.throws(() => spec({}, mapping), /has volumeMode Filesystem, but is specified in volumeDevices/);
  t.throws(() => spec({ claimRef: { uid: 'other' } }), /does not point to claim.UID claim-uid/);
  t.throws(
    () =>
      specOfClaim({
        volume,
        claim,
        persistentVolume: undefined,
        node: undefined,
        uses: volumeUses(mounting),
      }),
    /persistentvolumes "pv-1" not found/,
  );
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadata, name: 'n', uid: 'n', labels: { zone: 'a' } },
    spec: {},
    status: {},
  };
  const inZone = (zone: string) => ({
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In' as const, values: [zone] }] }],
      },
    },
  });
  t.match(spec(inZone('a'), mounting, node), { name: 'pv-1' });
  t.throws(
    () => spec(inZone('b'), mounting, node),
    /MountVolume.NodeAffinity check failed for volume "pv-1"/,
  );
  t.match(specOfVolume({ name: 'n', nfs: { server: 's', path: '/p', readOnly: true } }), {
    name: 'n',
    kind: 'nfs',
    readOnly: true,
    claim: undefined,
  });
});

void t.test('work under one key does not overlap, also after a failure', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  let finish: () => void = () => undefined;
  const first = turns.run('a', () => {
    order.push('first begins');
    return new Promise<void>((resolve) => (finish = resolve));
  });
  const failing = turns.run('a', async () => {
    order.push('second fails');
    throw new Error('no');
  });
  const third = turns.run('a', async () => order.push('third'));
  await turns.run('b', async () => order.push('another key'));
  t.strictSame(order, ['first begins', 'another key']);
  finish();
  await first;
  await t.rejects(failing, /no/);
  await third;
  t.strictSame(order.slice(2), ['second fails', 'third']);
});
