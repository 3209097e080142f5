/** Equality of JSON values: what writes ask most often. */
import tap from 'tap';
import { sameJson, sameMembers } from '../../../api/apply/json-values.js';

const own = JSON.parse('{"__proto__":{}}') as unknown;

const cases: readonly (readonly [name: string, a: unknown, b: unknown, same: boolean])[] = [
  ['scalars', 'x', 'x', true],
  ['a number and its text', 1, '1', false],
  ['null and an object', null, {}, false],
  ['an object and a list', {}, [], false],
  ['keys in another order', { a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 }, true],
  ['a value that is different', { a: { b: 1 } }, { a: { b: 2 } }, false],
  ['lists in another order', [1, 2], [2, 1], false],
  ['a longer list', [1], [1, 2], false],
  ['one key more', { a: 1 }, { a: 1, b: 1 }, false],
  ['one key less', { a: 1, b: 1 }, { a: 1 }, false],
  ['an undefined member and none', { a: 1, b: undefined }, { a: 1 }, true],
  ['none and an undefined member', { a: 1 }, { a: 1, b: undefined }, true],
  ['an undefined member and another one', { a: undefined }, { b: 1 }, false],
  ['a key that objects inherit', { constructor: 1 }, {}, false],
  ['an own __proto__ and another key', own, { a: 1 }, false],
  ['an own __proto__ and none', own, {}, false],
];

void tap.test('equality of JSON values', async (t) => {
  for (const [name, a, b, same] of cases) {
    t.equal(sameJson(a, b), same, name);
    t.equal(sameJson(b, a), same, `${name}, the other way round`);
  }
});

void tap.test('equality but for some members', async (t) => {
  t.equal(sameMembers({ a: 1, b: 2 }, { a: 1, b: 3 }, ['b']), true, 'another value');
  t.equal(sameMembers({ a: 1, b: 2 }, { a: 1 }, ['b']), true, 'there on one side only');
  t.equal(sameMembers({ a: 1, b: 2 }, { a: 2, b: 2 }, ['b']), false, 'the rest counts');
  t.equal(sameMembers({ a: { b: 1 } }, { a: { b: 2 } }, ['b']), false, 'only members of the object itself');
});
