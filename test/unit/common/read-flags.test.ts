import t from 'tap';
import {
  readBoolean,
  readDurationMs,
  readFlagFile,
  readPort,
  readServingCertificate,
  readWholeNumber,
} from '../../../common/read-flags.js';

void t.test('values that are what they should be', (t) => {
  t.equal(readPort('--port', '6443'), 6443);
  t.equal(readPort('--port', '0'), 0);
  t.equal(readBoolean('--on', true), true);
  t.equal(readBoolean('--on', 'false'), false);
  t.equal(readWholeNumber('--count', '12500'), 12_500);
  t.equal(readDurationMs('--wait', '1m30s'), 90_000);
  t.equal(readDurationMs('--wait', '500ms'), 500);
  t.equal(readDurationMs('--wait', '1.5h'), 5_400_000);
  t.equal(readServingCertificate({}), undefined);
  t.end();
});

const refused: readonly (readonly [what: string, read: () => unknown, message: string])[] = [
  [
    'a port that is too high',
    () => readPort('--secure-port', '99999'),
    '--secure-port: "99999" is not a port',
  ],
  ['an empty port', () => readPort('--secure-port', ''), '--secure-port: "" is not a port'],
  ['a word as a port', () => readPort('--secure-port', 'https'), '--secure-port: "https" is not a port'],
  ['yes', () => readBoolean('--leader-elect', 'yes'), '--leader-elect: "yes" is neither true nor false'],
  ['a negative count', () => readWholeNumber('--keep', '-1'), '--keep: "-1" is not a whole number'],
  ['a bare number as a duration', () => readDurationMs('--wait', '40'), '--wait: "40" is not a duration'],
  ['words around a duration', () => readDurationMs('--wait', 'about 40s'), '--wait: "about 40s" is not'],
  ['a file that is not there', () => readFlagFile('--ca', '/no/such/file'), '--ca: ENOENT'],
  ['a certificate without a key', () => readServingCertificate({ tlsCertFile: 'a' }), 'belong together'],
];

for (const [what, read, message] of refused) {
  void t.test(`refuses ${what} and names the flag`, (t) => {
    t.throws(read, { name: 'UsageError', message: new RegExp(message) });
    t.end();
  });
}
