import t from 'tap';
import type { KubernetesObject } from '../../../api/objects.js';
import { RecentObjects } from '../../../apiserver/storage/recent-objects.js';

const object = (name: string): KubernetesObject => ({ metadata: { name } }) as unknown as KubernetesObject;

void t.test('an object is known at the revision of its last write alone', async (t) => {
  const recent = new RecentObjects();
  const first = object('a');
  recent.set('/a', 5, first, 100);
  t.equal(recent.get('/a', 5), first);
  t.equal(recent.get('/a', 4), undefined, 'somebody else wrote it');
  t.equal(recent.get('/b', 5), undefined);
  const second = object('a');
  recent.set('/a', 6, second, 150);
  t.equal(recent.get('/a', 5), undefined);
  t.equal(recent.get('/a', 6), second);
  t.equal(recent.bytes, 150);
  recent.delete('/a');
  t.equal(recent.get('/a', 6), undefined);
  t.equal(recent.bytes, 0);
  recent.delete('/a');
  t.equal(recent.bytes, 0, 'gone is gone');
});

void t.test('what was written longest ago gives way', async (t) => {
  const recent = new RecentObjects(250);
  recent.set('/a', 1, object('a'), 100);
  recent.set('/b', 2, object('b'), 100);
  recent.set('/a', 3, object('a'), 100);
  recent.set('/c', 4, object('c'), 100);
  t.equal(recent.get('/b', 2), undefined);
  t.ok(recent.get('/a', 3));
  t.ok(recent.get('/c', 4));
  t.equal(recent.bytes, 200);
  recent.set('/d', 5, object('d'), 300);
  t.equal(recent.bytes, 0, 'one that has no room is not kept');
});
