import { spawnSync } from 'node:child_process';
import t from 'tap';
import { parseRequest } from '../../../cni-plugins/daemon/protocol.js';
import { launcherScript, quote } from '../../../cni-plugins/install/launcher-script.js';
import { formatResult } from '../../../cni-plugins/lib/run-plugin.js';

/** A launcher whose netcat is replaced by a shell command. */
function launch(netcat: string, stdin: string): { status: number | null; stdout: string } {
  const folder = t.testdir({ netcat: `#!/bin/sh\n${netcat}\n`, node: '#!/bin/sh\necho alone $1: $(cat)\n' });
  spawnSync('chmod', ['755', `${folder}/netcat`, `${folder}/node`]);
  const script = launcherScript({
    plugin: 'bridge',
    nodePath: `${folder}/node`,
    mainPath: '/main.js',
    daemon: { socketPath: '/nowhere', netcatPath: `${folder}/netcat`, timeoutSeconds: 5 },
  });
  const environment = { PATH: process.env['PATH'], CNI_COMMAND: 'ADD', CNI_ARGS: 'A=1;B=$(date)' };
  const { status, stdout } = spawnSync('sh', ['-c', script], {
    input: stdin,
    encoding: 'utf8',
    env: environment,
  });
  return { status, stdout };
}

const config = '{\n  "a": "\\u0041 `date` $HOME \'\\" é",\n  "b": "no newline at the end"}';

void t.test('passes variables and stdin as they are', async (t) => {
  // The fake daemon answers with its request.
  const { stdout } = launch('printf 0; cat', config);
  const request = parseRequest(stdout);
  t.equal(request.plugin, 'bridge');
  t.match(request.environment, { CNI_COMMAND: 'ADD', CNI_ARGS: 'A=1;B=$(date)', CNI_NETNS: '' });
  t.equal(request.stdin.trimEnd(), config);
});

const answers: readonly [string, string, number, string | RegExp][] = [
  ['success', 'cat >/dev/null; printf \'0{"a":1}\'', 0, '{"a":1}\n'],
  ['success without an answer', 'cat >/dev/null; printf 0', 0, ''],
  ['an error', 'cat >/dev/null; printf \'1{"code":7}\'', 1, '{"code":7}\n'],
  ['nobody listens', 'exit 1', 0, 'alone /main.js: {}\n'],
  ['the daemon ended without an answer', 'cat >/dev/null', 1, /"code":11/],
  ['netcat was killed', 'kill -9 $$', 1, /"code":11/],
  ['half an answer is none', 'exit 1; printf 0', 0, /alone/],
];
for (const [what, netcat, status, stdout] of answers) {
  void t.test(`the daemon's answer: ${what}`, async (t) => {
    const answer = launch(netcat, '{}');
    t.equal(answer.status, status);
    if (typeof stdout === 'string') t.equal(answer.stdout, stdout);
    else t.match(answer.stdout, stdout);
  });
}

t.equal(quote("it's"), String.raw`'it'\''s'`);

const malformed = ['', 'bridge', '\n\n{}', 'bridge\nPATH=/x\n\n{}', 'bridge\nCNI_ARGS=a\nCNI_ARGS=b\n\n{}'];
for (const text of malformed) t.throws(() => parseRequest(text), { code: 4 }, JSON.stringify(text));

const result = { ips: [{ address: '10.1.0.2/32', interface: 0 }], interfaces: [{ name: 'eth0' }] };
t.match(formatResult(result, '0.4.0'), {
  cniVersion: '0.4.0',
  ips: [{ version: '4', address: '10.1.0.2/32' }],
});
t.strictSame(formatResult(result, '1.0.0'), { cniVersion: '1.0.0', ...result, routes: [], dns: {} });
