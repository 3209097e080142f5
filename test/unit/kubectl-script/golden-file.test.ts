import t from 'tap';
import { parseGolden, renderGolden, renderOutput } from '../../kubectl-script/golden-file.js';
import { runsUnder, step } from '../../kubectl-script/step.js';
import { splitWords } from '../../kubectl-script/split-words.js';
import { kubectlVersions } from '../../support/kubectl.js';
import type { KubectlVersion } from '../../support/kubectl.js';

const outputs = (of: (version: KubectlVersion) => string): Map<KubectlVersion, string> =>
  new Map(kubectlVersions.map((version) => [version, of(version)]));

void t.test('what versions print alike stands there once, and comes back for each', async (t) => {
  const steps = [step('same', 'get pods'), step('different', 'version'), step('nothing', 'get -o name')];
  const found = new Map([
    ['same', outputs(() => '  one\n\n  two')],
    ['different', outputs((version) => (version === 'v1.20' ? '  old' : '! new\nexit code 1'))],
    ['nothing', outputs(() => '')],
  ]);
  const text = renderGolden(steps, found);
  t.equal(
    text,
    [
      '=== same: get pods',
      '  one',
      '',
      '  two',
      '',
      '=== different: version',
      '--- v1.20',
      '  old',
      '--- v1.24 v1.28 v1.31 v1.33 v1.35',
      '! new',
      'exit code 1',
      '',
      '=== nothing: get -o name',
      '',
    ].join('\n'),
  );
  t.strictSame(parseGolden(text, steps), found);
});

void t.test('a step of some versions needs no title when these print alike', async (t) => {
  const only = step('new', 'events', { from: 'v1.33' });
  const found = new Map([
    [
      'new',
      new Map<KubectlVersion, string>([
        ['v1.33', '  a'],
        ['v1.35', '  a'],
      ]),
    ],
  ]);
  const text = renderGolden([only], found);
  t.equal(text, '=== new: events\n  a\n');
  t.strictSame(parseGolden(text, [only]), found);
});

void t.test('two steps of one name are refused', async (t) => {
  t.throws(() => parseGolden('=== a: x\n\n=== a: y\n', []), /two steps a/);
});

void t.test('an output shows which stream it came from, and the exit code', async (t) => {
  t.equal(renderOutput({ exitCode: 0, stdout: 'a\n\nb\n', stderr: '' }), '  a\n\n  b');
  t.equal(renderOutput({ exitCode: 1, stdout: '', stderr: 'no\n' }), '! no\nexit code 1');
  t.equal(renderOutput({ exitCode: 0, stdout: '', stderr: '' }), '');
});

void t.test('steps know their versions', async (t) => {
  const some = step('some', 'x', { from: 'v1.24', until: 'v1.31' });
  t.strictSame(
    kubectlVersions.filter((version) => runsUnder(some, version)),
    ['v1.24', 'v1.28', 'v1.31'],
  );
});

void t.test('words are split as in a shell', async (t) => {
  t.strictSame(splitWords(`get pods -l 'a in (b, c)' --x="d e" ''`), [
    'get',
    'pods',
    '-l',
    'a in (b, c)',
    '--x=d e',
    '',
  ]);
  t.strictSame(splitWords(''), []);
  t.strictSame(splitWords('  a  '), ['a']);
  t.throws(() => splitWords("a 'b"), /not closed/);
});
