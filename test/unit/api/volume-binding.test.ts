/** Which volume fits which claim. */
import t from 'tap';
import type { Node } from '../../../api/generated/core-v1.js';
import { chooseVolume, defaultStorageClass, isKeptFor, whyUnfit } from '../../../api/volume-binding.js';
import { makeClaim, makeClass, makeVolume } from '../../support/storage-objects.js';
import type { ClaimOptions, VolumeOptions } from '../../support/storage-objects.js';

const claimRef = { namespace: 'default', name: 'c' };

void t.test('why a volume cannot be taken', async (t) => {
  const table: [string, VolumeOptions, ClaimOptions, string | undefined][] = [
    ['the same', {}, {}, undefined],
    ['larger', { spec: { capacity: { storage: '2Gi' } } }, {}, undefined],
    ['in other units', { spec: { capacity: { storage: '1024Mi' } } }, {}, undefined],
    ['smaller', { spec: { capacity: { storage: '1G' } } }, {}, 'requested PV is too small'],
    ['another class', { spec: { storageClassName: 'fast' } }, {}, 'storageClassName does not match'],
    ['block', { spec: { volumeMode: 'Block' } }, {}, 'incompatible volumeMode'],
    ['one pod alone', {}, { spec: { accessModes: ['ReadWriteOncePod'] } }, 'incompatible accessMode'],
    [
      'one of several modes',
      { spec: { accessModes: ['ReadOnlyMany', 'ReadWriteOnce'] } },
      { spec: { accessModes: ['ReadOnlyMany'] } },
      undefined,
    ],
    [
      'other attributes',
      {},
      { spec: { volumeAttributesClassName: 'gold' } },
      'VolumeAttributesClassName does not match',
    ],
  ];
  for (const [what, volume, claim, expected] of table)
    t.equal(whyUnfit(makeVolume('v', volume), makeClaim('c', claim)), expected, what);
});

void t.test('the choice', async (t) => {
  const size = (storage: string) => ({ spec: { capacity: { storage } } });
  const inZone = (zone: string): VolumeOptions => ({
    spec: {
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }],
        },
      },
    },
  });
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', uid: 'n', resourceVersion: '1', creationTimestamp: '', labels: { zone: 'a' } },
    spec: {},
    status: {},
  };
  const table: [
    string,
    Record<string, VolumeOptions>,
    ClaimOptions,
    Partial<Parameters<typeof chooseVolume>[0]>,
    string | undefined,
  ][] = [
    ['the smallest', { big: size('9Gi'), small: size('1Gi'), middle: size('3Gi') }, {}, {}, 'small'],
    ['among equals the first', { b: {}, a: {} }, {}, {}, 'a'],
    [
      'what offers less goes first',
      { many: { spec: { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] } }, one: size('5Gi') },
      {},
      {},
      'one',
    ],
    ['only what is free', { a: { phase: 'Released' }, b: { phase: 'Pending' } }, {}, {}, undefined],
    ['not what another takes', { a: {}, b: {} }, {}, { taken: new Set(['a']) }, 'b'],
    [
      'not what is kept for another',
      { a: { spec: { claimRef: { ...claimRef, name: 'x' } } } },
      {},
      {},
      undefined,
    ],
    [
      'what is kept for it, though larger',
      { a: {}, z: { spec: { claimRef, capacity: { storage: '9Gi' } } } },
      {},
      {},
      'z',
    ],
    ['kept, of another class', { z: { spec: { claimRef, storageClassName: 'x' } } }, {}, {}, 'z'],
    ['kept, but too small', { z: { spec: { claimRef, capacity: { storage: '1Mi' } } } }, {}, {}, undefined],
    ['nothing but what is kept', { a: {} }, {}, { keptOnly: true }, undefined],
    [
      'by labels',
      { a: { labels: { tier: 'slow' } }, b: { labels: { tier: 'fast' } } },
      { spec: { selector: { matchLabels: { tier: 'fast' } } } },
      {},
      'b',
    ],
    ['near the node', { a: inZone('b'), b: inZone('a') }, {}, { node }, 'b'],
    ['nothing near the node', { a: inZone('b') }, {}, { node }, undefined],
  ];
  for (const [what, volumes, claim, more, expected] of table) {
    const all = Object.entries(volumes).map(([name, options]) => makeVolume(name, options));
    const chosen = chooseVolume({ claim: makeClaim('c', claim), volumes: all, ...more });
    t.equal(chosen?.metadata.name, expected, what);
  }
});

void t.test('kept for a claim: by name, and by uid where it is known', async (t) => {
  const kept = (ref: object): boolean =>
    isKeptFor(makeVolume('v', { spec: { claimRef: ref } }), makeClaim('c'));
  t.ok(kept(claimRef));
  t.ok(kept({ ...claimRef, uid: 'uid-c' }));
  t.notOk(kept({ ...claimRef, uid: 'one before it' }));
  t.notOk(kept({ ...claimRef, namespace: 'other' }));
});

void t.test('the default class is the newest of those that are marked', async (t) => {
  const marked = (name: string, creationTimestamp: string, value = 'true') => {
    const made = makeClass(name);
    const annotations = { 'storageclass.kubernetes.io/is-default-class': value };
    return { ...made, metadata: { ...made.metadata, creationTimestamp, annotations } };
  };
  const old = marked('old', '2026-01-01T00:00:00Z');
  const fresh = marked('new', '2026-01-02T00:00:00Z');
  t.equal(defaultStorageClass([old, fresh, marked('no', '2026-01-03T00:00:00Z', 'false')]), fresh);
  t.equal(defaultStorageClass([makeClass('plain')]), undefined);
});
