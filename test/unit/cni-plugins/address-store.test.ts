import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AddressStore } from '../../../cni-plugins/host-local/address-store.js';

const a = { containerId: 'a', interfaceName: 'eth0' };
const b = { containerId: 'b', interfaceName: 'eth0' };

void t.test('an address belongs to one owner, who is found by what is written', async (t) => {
  const folder = join(t.testdir(), 'net');
  const store = new AddressStore(folder);
  t.strictSame(store.list(), [], 'a folder that does not exist is empty');
  t.equal(store.reserve(0x0a01_0002, a), true);
  t.equal(new AddressStore(folder).reserve(0x0a01_0002, b), false, 'taken, for another process too');
  t.equal(readFileSync(join(folder, '10.1.0.2'), 'utf8'), 'a\r\neth0', 'in the form of the reference plugin');
  t.equal(store.find(a), 0x0a01_0002);
  t.equal(store.find(b), undefined);
  t.equal(store.find({ ...a, interfaceName: 'eth1' }), undefined, 'another interface of the container');
  store.release(b);
  t.equal(store.find(a), 0x0a01_0002, 'only the owner gives back');
  store.release(a);
  store.release(a);
  t.strictSame(readdirSync(folder), [], 'nothing is left, not even a temporary file');
});

void t.test('what a crash leaves is no reservation, and all of an owner is given back', async (t) => {
  const folder = t.testdir({ '.new-1-0': 'a\r\neth0', 'last_reserved_ip.0': 'garbage', lock: '' });
  const store = new AddressStore(folder);
  t.strictSame(store.list(), []);
  t.equal(store.readLastGiven(), undefined, 'the hint may be anything');
  // An ADD that was killed after its reservation, and the one that came after it.
  store.reserve(1, a);
  store.reserve(2, a);
  store.release(a);
  t.strictSame(store.list(), []);
});

void t.test('keeps only what is still valid', async (t) => {
  const store = new AddressStore(t.testdir());
  store.reserve(1, a);
  store.reserve(2, b);
  store.retainOnly([b]);
  t.strictSame(store.list(), [{ address: 2, ...b }]);
});

void t.test('tells of a folder that it cannot use', async (t) => {
  const folder = t.testdir();
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'net'));
  t.throws(() => new AddressStore(join(folder, 'file', 'net')).reserve(1, a), { code: 'ENOTDIR' });
});
