import t from 'tap';
import { normalise } from '../../kubectl-script/normalise.js';

void t.test('what differs from run to run is replaced, the rest stays', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['uid: 0b2d37a6-3b43-4a5f-8f0e-0c1d2e3f4a5b', 'uid: <uid>'],
    ['creationTimestamp: "2026-01-02T03:04:05Z"', 'creationTimestamp: "<time>"'],
    ['time 2026-01-02T03:04:05.678901Z end', 'time <time> end'],
    ['Start Time:  Thu, 26 Nov 2026 06:12:59 +0000', 'Start Time:  <time>'],
    ['Created on: 2026-11-26 06:40:57 +0000 UTC', 'Created on: <time>'],
    ['resourceVersion: "123"', 'resourceVersion: <version>'],
    ['resourceVersion: ""', 'resourceVersion: ""'],
    ['"resourceVersion": "7",', '"resourceVersion": <version>,'],
    ['pod/web-5db97b9b7c-7tlxc created', 'pod/web-<hash>-<id> created'],
    ['ReplicaSet web-5db97b9b7c', 'ReplicaSet web-<hash>'],
    ['pod-template-hash=5db97b9b7c', 'pod-template-hash=<hash>'],
    ['configmap/typed-x7k2z created', 'configmap/typed-<id> created'],
    ['volume-claim stays', 'volume-claim stays'],
    ['web.18a1b2c3d4e5f607', 'web.<id>'],
    ['IP: 10.105.254.159', 'IP: <cluster IP>'],
    ['IP: 10.96.0.1', 'IP: 10.96.0.1'],
    ['nodePort: 31234', 'nodePort: <node port>'],
    ['80:31234/TCP', '80:<node port>/TCP'],
    ['the number 31234', 'the number 31234'],
    ['https://127.0.0.1:43210', 'https://127.0.0.1:<port>'],
    ['/tmp/LIVE-1234567/v1.ConfigMap', '/tmp/LIVE-<n>/v1.ConfigMap'],
    ['\u001b[0;32mgreen\u001b[0m', 'green'],
    ['(x2 over 3m5s)', '(x2 over <age>)'],
    ['a line with spaces at its end   ', 'a line with spaces at its end'],
  ];
  for (const [text, expected] of cases) t.equal(normalise(text), expected);
});

void t.test('tables are laid out anew, whatever was as wide as it was', async (t) => {
  const table = (hash: string, age: string): string =>
    [
      `NAME${' '.repeat(hash.length)}   EMPTY   AGE${' '.repeat(age.length)}  NODE`,
      `web-${hash}           ${age}     n 1`,
      '',
    ].join('\n');
  const expected = ['NAME         EMPTY   AGE     NODE', 'web-<hash>           <age>   n 1', ''].join('\n');
  t.equal(normalise(table('5db97b9b7c', '5s')), expected);
  t.equal(normalise(table('5db97b9b', '3m5s')), expected);
});

void t.test('a table ends where the text moves to the left', async (t) => {
  const described = [
    'Events:',
    '  Type    Age',
    '  ----    ---',
    '  Normal  5s (x2 over 9s)',
    'End:  5s',
  ].join('\n');
  t.equal(
    normalise(described),
    ['Events:', '  Type    Age', '  ----    ---', '  Normal  <age> (x2 over <age>)', 'End:  5s'].join('\n'),
  );
});

void t.test('rows can be sorted, lines chosen', async (t) => {
  t.equal(
    normalise('NAME   AGE\nb      1s\na      2s', { sorted: true }),
    'NAME   AGE\na      <age>\nb      <age>',
  );
  t.equal(
    normalise('Type  Max   Age\n----  ---   ---\nb     100m  5s\na     1     5s', { sorted: true }),
    'Type  Max   Age\n----  ---   ---\na     1     <age>\nb     100m  <age>',
    'the line under the header stays there',
  );
  t.equal(normalise('one\ntwo\nthree', { keep: /^t/ }), 'two\nthree');
});

void t.test('what tells of the machine is hidden', async (t) => {
  t.equal(
    normalise('NAME   OS-IMAGE    AGE\nn1     Debian 12   1s'),
    'NAME   OS-IMAGE    AGE\nn1     <machine>   <age>',
  );
});
