import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkHostFiles } from '../../../cli/checks/machine.js';

void t.test('a file that every pod needs and the machine lacks is named, with how to mend it', (t) => {
  const [there, missing] = ['hosts', 'resolv.conf'].map((name) => join(t.testdir(), name)) as [
    string,
    string,
  ];
  writeFileSync(there, '127.0.0.1 localhost\n');
  const results = checkHostFiles([there, missing]);
  t.equal(results.length, 1);
  t.match(results[0], { level: 'fail', message: `${missing} is missing`, remedy: `create ${missing}` });
  t.end();
});
