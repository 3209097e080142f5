import t from 'tap';
import {
  bytesToFree,
  imagesToRemove,
  imagesTooOld,
  updateRecords,
} from '../../../kubelet/collection/choose-images.js';
import type { ImageRecord } from '../../../kubelet/collection/choose-images.js';
import type { RuntimeImage } from '../../../kubelet/cri/runtime.js';

function image(id: string, sizeBytes = 100, pinned = false): RuntimeImage {
  return { id, repoTags: [`${id}:1`], repoDigests: [], sizeBytes, username: '', pinned };
}

function namesOf(records: readonly ImageRecord[]): string[] {
  return records.map((record) => record.image.id);
}

void t.test('how much must become free', async (t) => {
  const policy = { highPercent: 85, lowPercent: 80 };
  const table: [number, number][] = [
    [50, 0],
    [16, 0],
    [15, 5],
    [10, 10],
    [0, 20],
  ];
  for (const [availableBytes, wanted] of table)
    t.equal(bytesToFree({ availableBytes, capacityBytes: 100 }, policy), wanted, String(availableBytes));
  t.equal(bytesToFree({ availableBytes: 0, capacityBytes: 0 }, policy), 0);
  t.equal(
    bytesToFree({ availableBytes: 0, capacityBytes: 100 }, { highPercent: 100, lowPercent: 80 }),
    0,
    '100 switches it off',
  );
});

void t.test('what goes, and in which order', async (t) => {
  const all = [image('used'), image('old'), image('older'), image('new'), image('pinned', 100, true)];
  let records = updateRecords(
    new Map(),
    [image('used'), image('pinned', 100, true), image('old'), image('older')],
    new Set(['older']),
    1000,
  );
  records = updateRecords(records, all, new Set(['old:1']), 2000);
  records = updateRecords(records, all, new Set(['used']), 3000);
  const removed = (freeBytes: number, minimumAgeMs: number): string[] =>
    namesOf(imagesToRemove(records, { freeBytes, minimumAgeMs, nowMs: 3000 }));
  t.strictSame(removed(Infinity, 0), ['new', 'older', 'old'], 'never used first, then by the last use');
  t.strictSame(removed(Infinity, 1500), ['older', 'old'], 'what is new stays');
  t.strictSame(removed(150, 0), ['new', 'older'], 'no more than is needed');
  t.strictSame(removed(0, 0), []);
  t.strictSame(namesOf(imagesTooOld(records, 1500, 3000)), ['older']);
  t.strictSame(namesOf(imagesTooOld(records, 0, 1e9)), [], '0: never');
  t.strictSame(
    [...updateRecords(records, [image('old')], new Set(), 4000).keys()],
    ['old'],
    'what is gone is forgotten',
  );
});
