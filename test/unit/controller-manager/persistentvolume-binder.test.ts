/** Claims and volumes find each other, part, and are kept while they are used. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core-v1.js';
import {
  events,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../../../api/resources.js';
import { ephemeralVolumes } from '../../../controller-manager/controllers/ephemeral-volume/controller.js';
import { persistentVolumeBinder } from '../../../controller-manager/controllers/persistentvolume-binder/controller.js';
import { planClaim } from '../../../controller-manager/controllers/persistentvolume-binder/plan-claim.js';
import type { ClaimInput } from '../../../controller-manager/controllers/persistentvolume-binder/plan-claim.js';
import {
  planReclaim,
  planVolume,
} from '../../../controller-manager/controllers/persistentvolume-binder/plan-volume.js';
import { claimProtectionController } from '../../../controller-manager/controllers/storage-protection/claim-protection.js';
import { volumeProtectionController } from '../../../controller-manager/controllers/storage-protection/volume-protection.js';
import { makeClaim, makeClass, makeVolume } from '../../support/storage-objects.js';
import type { ClaimOptions, VolumeOptions } from '../../support/storage-objects.js';
import { createPod, managerRig } from './manager-rig.js';
import type { ManagerRig } from './manager-rig.js';

const claimRef = { namespace: 'default', name: 'c', uid: 'uid-c' };
const complete = { 'pv.kubernetes.io/bind-completed': 'yes' };

void t.test('what becomes of a claim', async (t) => {
  const plan = (
    claim: ClaimOptions,
    volumes: VolumeOptions[] = [],
    more: Partial<ClaimInput> = {},
  ): string => {
    const decided = planClaim({
      claim: makeClaim('c', claim),
      volumes: volumes.map((options, index) => makeVolume(`v${String(index)}`, options)),
      storageClass: undefined,
      defaultClass: undefined,
      unscheduledPod: undefined,
      ...more,
    });
    if (decided.kind === 'bind') return `bind ${decided.volume.metadata.name}`;
    if (decided.kind === 'classify') return `classify ${decided.className}`;
    return [decided.kind, decided.event?.reason, decided.event?.message].filter(Boolean).join(': ');
  };
  const named = { spec: { volumeName: 'v0' } };
  const fast = { spec: { storageClassName: 'fast' } };
  const unclassed = { spec: { storageClassName: undefined } } as unknown as ClaimOptions;
  const later = makeClass('fast', { volumeBindingMode: 'WaitForFirstConsumer' });
  const driver = { provisioner: 'disk.example.com' };
  t.equal(plan({}, [{}]), 'bind v0');
  t.match(
    plan({}),
    /^wait: FailedBinding: no persistent volumes available for this claim and no storage class is set$/,
  );
  t.equal(plan(fast), 'wait: ProvisioningFailed: storageclass.storage.k8s.io "fast" not found');
  t.equal(
    plan(fast, [], { storageClass: makeClass('fast') }),
    'wait: ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner',
  );
  t.match(
    plan(fast, [], { storageClass: makeClass('fast', driver) }),
    /^ask: ExternalProvisioning: .*'disk\.example\.com'/,
  );
  t.match(
    plan(fast, [{ spec: { storageClassName: 'fast' } }], { storageClass: later }),
    /^wait: WaitForFirstConsumer/,
  );
  t.equal(
    plan(fast, [], { storageClass: later, unscheduledPod: 'web-1' }),
    'wait: WaitForPodScheduled: waiting for pod web-1 to be scheduled',
  );
  t.equal(plan(fast, [{ spec: { claimRef } }], { storageClass: later }), 'bind v0', 'the scheduler chose it');
  const placed = { ...fast, annotations: { 'volume.kubernetes.io/selected-node': 'n' } };
  const laterMade = { ...later, ...driver };
  t.match(plan(placed, [], { storageClass: laterMade }), /^ask/, 'now it may be made');
  t.equal(plan(unclassed, [], { defaultClass: makeClass('fast') }), 'classify fast');
  t.equal(plan(named), 'wait', 'the volume may still come');
  t.equal(plan(named, [{}]), 'bind v0');
  t.match(
    plan(named, [{ spec: { capacity: { storage: '1Mi' } } }]),
    /VolumeMismatch: Cannot bind to requested volume "v0": requested PV is too small/,
  );
  t.match(
    plan(named, [{ spec: { claimRef: { ...claimRef, uid: 'x' } } }]),
    /FailedBinding: volume "v0" already bound to a different claim/,
  );
  t.equal(plan({ ...named, annotations: complete }, [{ spec: { claimRef } }]), 'bind v0');
  t.match(
    plan({ ...named, annotations: complete }),
    /^lose: ClaimLost: Bound claim has lost its PersistentVolume/,
  );
  t.match(
    plan({ ...named, annotations: complete }, [{ spec: { claimRef: { ...claimRef, uid: 'x' } } }]),
    /^lose: ClaimMisbound/,
  );
});

void t.test('what becomes of a volume', async (t) => {
  const plan = (volume: VolumeOptions, claim?: ClaimOptions): string => {
    const decided = planVolume(makeVolume('v', volume), claim && makeClaim('c', claim));
    return decided.kind === 'phase' ? decided.phase : decided.kind;
  };
  const byHand = { namespace: 'default', name: 'c' };
  const provisioned = { 'pv.kubernetes.io/provisioned-by': 'disk.example.com' };
  t.equal(plan({ phase: 'Pending' }), 'Available');
  t.equal(plan({ spec: { claimRef: byHand } }), 'Available');
  t.equal(plan({ phase: 'Pending', spec: { claimRef: byHand } }, {}), 'Available');
  t.equal(plan({ spec: { claimRef: byHand } }, {}), 'claim');
  t.equal(plan({ spec: { claimRef } }), 'reclaim');
  t.equal(
    plan({ spec: { claimRef: { ...claimRef, uid: 'before' } } }, {}),
    'reclaim',
    'another claim of that name',
  );
  t.equal(plan({ spec: { claimRef } }, {}), 'claim');
  t.equal(plan({ spec: { claimRef } }, { spec: { volumeName: 'v' } }), 'Bound');
  t.equal(plan({ spec: { claimRef } }, { spec: { volumeName: 'other' } }), 'unbind');
  t.equal(
    plan(
      { spec: { claimRef, persistentVolumeReclaimPolicy: 'Delete' }, annotations: provisioned },
      { spec: { volumeName: 'other' } },
    ),
    'reclaim',
  );
  const policy = (persistentVolumeReclaimPolicy: 'Retain' | 'Delete' | 'Recycle', more: VolumeOptions = {}) =>
    planReclaim(makeVolume('v', { ...more, spec: { persistentVolumeReclaimPolicy, ...more.spec } }));
  t.match(policy('Retain'), { kind: 'keep' });
  t.match(policy('Recycle'), { kind: 'fail', reason: 'VolumeFailedRecycle', message: /deprecated/ });
  t.match(policy('Delete', { annotations: provisioned }), { kind: 'leave', provisioner: 'disk.example.com' });
  for (const [path, kind] of [
    ['/tmp/data', 'delete-folder'],
    ['/tmp/', 'fail'],
    ['/data', 'fail'],
    ['/tmp/../data', 'fail'],
  ] as const)
    t.match(policy('Delete', { spec: { hostPath: { path } } }), { kind }, path);
  const local = makeVolume('v', { spec: { persistentVolumeReclaimPolicy: 'Delete' } });
  delete local.spec.hostPath;
  t.match(planReclaim(local), { kind: 'fail', message: /no deletable volume plugin matched/ });
});

const all = [persistentVolumeBinder, claimProtectionController, volumeProtectionController, ephemeralVolumes];

interface StorageRig {
  readonly rig: ManagerRig;
  readonly claim: (name?: string) => Promise<PersistentVolumeClaim | undefined>;
  readonly volume: (name?: string) => Promise<PersistentVolume | undefined>;
  readonly reasons: () => Promise<readonly string[]>;
}

function storageRig(t: Test): StorageRig {
  const rig = managerRig(t, all);
  return {
    rig,
    claim: async (name = 'c') =>
      (await rig.list(persistentVolumeClaims)).find(({ metadata }) => metadata.name === name),
    volume: async (name = 'v') =>
      (await rig.list(persistentVolumes)).find(({ metadata }) => metadata.name === name),
    reasons: async () => (await rig.list(events)).map(({ reason }) => reason ?? ''),
  };
}

async function put(rig: ManagerRig, ...objects: (PersistentVolume | PersistentVolumeClaim)[]): Promise<void> {
  for (const object of objects)
    if (object.kind === 'PersistentVolume') await rig.client.resource(persistentVolumes).create(object);
    else await rig.client.resource(persistentVolumeClaims).create(object);
  await rig.settle();
}

void t.test('a claim is bound, used, deleted, and its volume released', async (t) => {
  const { rig, claim, volume } = storageRig(t);
  await put(rig, makeClaim('c'), makeVolume('v', { phase: 'Pending' }));
  t.match(await claim(), {
    metadata: {
      annotations: { ...complete, 'pv.kubernetes.io/bound-by-controller': 'yes' },
      finalizers: ['kubernetes.io/pvc-protection'],
    },
    spec: { volumeName: 'v' },
    status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
  });
  t.match(await volume(), {
    metadata: {
      annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' },
      finalizers: ['kubernetes.io/pv-protection'],
    },
    spec: { claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c' } },
    status: { phase: 'Bound' },
  });

  const atRest = rig.writes();
  await rig.stop();
  rig.start();
  await rig.settle();
  t.equal(rig.writes(), atRest, 'a restart writes nothing');

  const spec = { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'c' } }] };
  await createPod(rig, 'user', { node: 'n', spec });
  await rig.client.resource(persistentVolumes).delete({ name: 'v' });
  await rig.client.resource(persistentVolumeClaims).delete({ namespace: 'default', name: 'c' });
  await rig.settle();
  t.ok((await claim())?.metadata.deletionTimestamp, 'it ends, but a pod uses it');
  t.ok((await volume())?.metadata.deletionTimestamp, 'it ends, but a claim holds it');
  await rig.client.resource(pods).delete({ namespace: 'default', name: 'user' }, { gracePeriodSeconds: 0 });
  await rig.settle();
  t.equal(await claim(), undefined);
  t.equal(await volume(), undefined, 'what was marked goes with its claim');
});

void t.test('a volume of a deleted claim keeps its data, or loses it, or asks for help', async (t) => {
  const { rig, volume, reasons } = storageRig(t);
  const folder = mkdtempSync('/tmp/knarr-delete-');
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const data = join(folder, 'data');
  mkdirSync(data);
  writeFileSync(join(data, 'file'), 'x');
  const policies = { kept: 'Retain', deleted: 'Delete', recycled: 'Recycle' } as const;
  for (const [name, persistentVolumeReclaimPolicy] of Object.entries(policies)) {
    const spec = { persistentVolumeReclaimPolicy, hostPath: { path: data } };
    await put(rig, makeVolume(name, { spec }), makeClaim(name, { spec: { volumeName: name } }));
    t.match(await volume(name), { status: { phase: 'Bound' } });
  }
  for (const name of ['kept', 'recycled'])
    await rig.client.resource(persistentVolumeClaims).delete({ namespace: 'default', name });
  await rig.settle();
  t.match(await volume('kept'), { status: { phase: 'Released' }, spec: { claimRef: { name: 'kept' } } });
  t.match(await volume('recycled'), { status: { phase: 'Failed', reason: 'VolumeFailedRecycle' } });
  t.ok(existsSync(join(data, 'file')), 'nothing was removed');
  await rig.client.resource(persistentVolumeClaims).delete({ namespace: 'default', name: 'deleted' });
  const gone = async (): Promise<boolean> => (await volume('deleted')) === undefined && !existsSync(data);
  for (let tries = 0; tries < 200 && !(await gone()); tries++) await rig.settle();
  t.ok(await gone(), 'the folder and its volume are gone');
  await put(rig, makeClaim('kept'));
  t.match(
    await volume('kept'),
    { status: { phase: 'Released' } },
    'a new claim of that name does not get it',
  );
  await rig.advance(2_000);
  t.ok((await reasons()).includes('VolumeFailedRecycle'));
});

void t.test('two claims, one volume; a claim that names its volume; a lost one', async (t) => {
  const { rig, claim, volume } = storageRig(t);
  await put(rig, makeVolume('v'), makeClaim('c'), makeClaim('d'));
  const phases = [await claim('c'), await claim('d')].map((one) => one?.status.phase);
  t.strictSame([...phases].sort(), ['Bound', 'Pending']);
  await put(rig, makeVolume('w', { spec: { claimRef: { namespace: 'default', name: 'e' } } }));
  t.match(await volume('w'), { status: { phase: 'Available' } }, 'kept for a claim that is to come');
  await put(rig, makeClaim('e'));
  t.match(await claim('e'), { spec: { volumeName: 'w' }, status: { phase: 'Bound' } });
  const bound = phases[0] === 'Bound' ? 'c' : 'd';
  const { metadata } = (await volume()) ?? makeVolume('v');
  const held = { ...((await volume()) ?? makeVolume('v')), metadata: { ...metadata, finalizers: [] } };
  await rig.stop();
  await rig.client.resource(persistentVolumes).update(held);
  await rig.client.resource(persistentVolumes).delete({ name: 'v' });
  rig.start();
  await rig.settle();
  t.match(await claim(bound), { status: { phase: 'Lost' } });
});

void t.test('classes: the default one later, and a provisioner that is asked', async (t) => {
  const { rig, claim, reasons } = storageRig(t);
  const unclassed = makeClaim('c');
  delete unclassed.spec.storageClassName;
  await put(rig, unclassed);
  t.match(await claim(), { status: { phase: 'Pending' } });
  const made = makeClass('fast', { provisioner: 'disk.example.com' });
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  await rig.client.resource(storageClasses).create({ ...made, metadata: { ...made.metadata, annotations } });
  await rig.settle();
  t.match(await claim(), {
    metadata: { annotations: { 'volume.kubernetes.io/storage-provisioner': 'disk.example.com' } },
    spec: { storageClassName: 'fast' },
  });
  await rig.advance(2_000);
  t.strictSame([...new Set(await reasons())].sort(), ['ExternalProvisioning', 'FailedBinding']);
});

void t.test('a generic ephemeral volume has a claim of its own', async (t) => {
  const { rig, claim, reasons } = storageRig(t);
  const template = { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: makeClaim('x').spec } };
  const spec = { volumes: [{ name: 'scratch', ephemeral: template }] };
  await put(rig, makeClaim('taken-scratch'));
  const pod = await createPod(rig, 'web', { spec });
  t.match(await claim('web-scratch'), {
    metadata: { labels: { a: 'b' }, ownerReferences: [{ kind: 'Pod', name: 'web', uid: pod.metadata.uid }] },
  });
  await rig.client.resource(persistentVolumeClaims).delete({ namespace: 'default', name: 'web-scratch' });
  await rig.settle();
  t.match(await claim('web-scratch'), { metadata: { name: 'web-scratch' } }, 'made again');
  await createPod(rig, 'taken', { spec });
  await rig.advance(2_000);
  t.ok((await reasons()).includes('EphemeralVolumeConflict'));
});
