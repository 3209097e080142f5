/**
 * Exec, attach, cp and port-forward with the real kubectl, through apiserver, kubelet and containerd: over WebSocket
 * (v1.35: the channel protocol v5, and SPDY in a WebSocket) and over SPDY (v1.20). At the end no connection is left.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Node } from '../../api/generated/core-v1.js';
import { runCommand, tryCommand } from '../../common/run-command.js';
import { TestCluster } from '../support/cluster.js';
import { newestAndOldestKubectl } from '../support/kubectl.js';
import type { Kubectl } from '../support/kubectl.js';
import { fetchText } from '../support/traffic.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;
const image = 'localhost/knarr/web:1';
const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
await cluster.up();

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      { name: 'web', image },
      { name: 'echo', image, command: ['nc', '-ll', '-p', '9000', '-e', 'cat'] },
      {
        name: 'greet',
        image,
        stdin: true,
        command: ['sh', '-c', 'while read line; do echo "heard $line"; done'],
      },
    ],
  },
};
const newest = await cluster.kubectl('v1.35');
await newest.run(['apply', '-f', '-'], { input: JSON.stringify(pod) });
await newest.run(['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s']);

for (const version of newestAndOldestKubectl) {
  await t.test(`kubectl ${version}`, async (t) => {
    const kubectl = await cluster.kubectl(version);
    if (version === 'v1.35') {
      await speaksWebSocket(t, kubectl);
      await debugs(t, kubectl);
    }
    await runsCommands(t, kubectl);
    await resizesTerminal(t, kubectl);
    await attaches(t, kubectl);
    await copies(t, kubectl);
    await forwardsPorts(t, kubectl);
  });
}

await t.test('no connection is left open', async (t) => {
  const [{ status }] = (await newest.json<{ items: [Node] }>(['get', 'nodes'])).items;
  const port = status.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  const containerd = await cluster.pidOf('containerd');
  await until('all streams are closed', async () => (await openStreams(port, containerd)) === 0, patienceMs);
  t.pass('neither between apiserver and kubelet nor in containerd');
});

function speaksWebSocket(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('the newer protocols are agreed on', async (t) => {
    const { stdout, stderr } = await kubectl.attempt([
      '-v=7',
      'exec',
      'web',
      '-c',
      'web',
      '--',
      'echo',
      'hello',
    ]);
    t.equal(stdout, 'hello\n');
    t.match(stderr, 'v5.channel.k8s.io');
    t.notMatch(stderr, /fallback/i);

    const forwarding = kubectl.start(['-v=7', 'port-forward', 'pod/web', ':8080']);
    let [said, log] = ['', ''];
    forwarding.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    forwarding.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const port = await until('the port is open', () => /127.0.0.1:(\d+)/.exec(said)?.[1], patienceMs);
    t.match(await fetchText(`http://127.0.0.1:${port}/`), 'web version 1');
    forwarding.kill('SIGINT');
    await once(forwarding, 'exit');
    t.match(log, 'tunneling connection');
    t.notMatch(log, /fallback/i);
  });
}

function debugs(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('debug: a container beside the others, attached to', async (t) => {
    const flags = [
      'debug',
      'web',
      '-i',
      '--quiet',
      '--profile=general',
      `--image=${image}`,
      '--target=web',
      '--container=look',
    ];
    const { stdout, stderr, exitCode } = await kubectl.attempt([...flags, '--', 'cat'], { input: 'hello\n' });
    t.strictSame([stdout, stderr, exitCode], ['hello\n', '', 0]);
  });
}

function runsCommands(t: Test, kubectl: Kubectl): Promise<unknown> {
  const exec = (command: string[], input?: string | Buffer, ...flags: string[]) =>
    tryCommand(
      kubectl.path,
      kubectl.arguments([
        'exec',
        ...flags,
        ...(input === undefined ? [] : ['-i']),
        'web',
        '-c',
        'web',
        '--',
        ...command,
      ]),
      { timeoutMs: patienceMs, ...(input === undefined ? {} : { input }) },
    );
  return t.test('exec', async (t) => {
    const both = await exec(['sh', '-c', 'echo out; echo err >&2']);
    t.strictSame([both.stdout, both.stderr, both.exitCode], ['out\n', 'err\n', 0]);
    t.match(await exec(['sh', '-c', 'exit 7']), { exitCode: 7, stderr: /exit code 7/ });
    t.match(await exec(['no-such-program']), { exitCode: 1, stderr: /no-such-program/ });
    t.match(await exec(['cat'], 'x\n'), { exitCode: 0, stdout: 'x\n' }, 'the end of standard input arrives');
    t.match(await exec(['cat'], ''), { exitCode: 0, stdout: '' });
    t.match(await exec(['sh', '-c', 'read line; echo "$line"; exit 3'], 'one\ntwo\n'), {
      exitCode: 3,
      stdout: 'one\n',
    });
    const megabytes = randomBytes(8 * 1024 * 1024);
    const sum = createHash('sha256').update(megabytes).digest('hex');
    t.match(await exec(['sha256sum'], megabytes), { stdout: sum }, 'a large input');
    const large = await exec(['sh', '-c', 'yes abcdefghijklmno | head -c 16777216']);
    t.equal(large.stdout.length, 16_777_216, 'a large output');
    t.equal(large.stdout, 'abcdefghijklmno\n'.repeat(1_048_576));
  });
}

function resizesTerminal(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('exec -it: the terminal has the size of the window, and follows it', async (t) => {
    const file = join(t.testdir(), 'tty');
    const inPod =
      'until stty size | grep -q "22 77"; do sleep 0.1; done; echo small; until stty size | grep -q "33 99"; do sleep 0.1; done; echo large; exit 9';
    const command = kubectl.arguments(['exec', '-it', 'web', '-c', 'web', '--', 'sh', '-c', `'${inPod}'`]);
    const start = `stty rows 22 cols 77; tty > ${file}; exec ${kubectl.path} ${command.join(' ')}`;
    const terminal = spawn('script', ['-qec', start, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    terminal.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(terminal, 'exit');
    await until('the first size came', () => said.includes('small'), patienceMs);
    await runCommand('stty', ['-F', (await readFile(file, 'utf8')).trim(), 'rows', '33', 'cols', '99']);
    const [code] = (await ended) as [number];
    t.match(said, 'large');
    t.equal(code, 9);
  });
}

function attaches(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('attach', async (t) => {
    const session = spawn(kubectl.path, kubectl.arguments(['attach', '-i', 'web', '-c', 'greet']));
    let said = '';
    session.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    session.stdin.write(`${kubectl.version}\n`);
    await until('the container answered', () => said.includes(`heard ${kubectl.version}\n`), patienceMs);
    session.stdin.write('again\n');
    await until('it answered again', () => said.includes('heard again\n'), patienceMs);
    session.kill('SIGINT');
    await once(session, 'exit');
    t.pass('heard twice');
  });
}

function copies(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('cp there and back', async (t) => {
    const folder = t.testdir({ deep: { 'note.txt': 'a note' } });
    const content = randomBytes(5 * 1024 * 1024 + 1);
    await writeFile(join(folder, 'random'), content);
    await kubectl.run(['cp', join(folder, 'random'), 'web:/tmp/random', '-c', 'web']);
    await kubectl.run(['cp', 'web:/tmp/random', join(folder, 'back'), '-c', 'web']);
    t.ok((await readFile(join(folder, 'back'))).equals(content));
    await kubectl.run(['cp', join(folder, 'deep'), 'web:/tmp/', '-c', 'web']);
    t.equal(await kubectl.run(['exec', 'web', '-c', 'web', '--', 'cat', '/tmp/deep/note.txt']), 'a note');
    await kubectl.run(['exec', 'web', '-c', 'web', '--', 'rm', '-r', '/tmp/deep', '/tmp/random']);
  });
}

function forwardsPorts(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('port-forward: 100 MB there and back', async (t) => {
    const forwarding = kubectl.start(['port-forward', 'pod/web', ':9000', ':8080']);
    let said = '';
    forwarding.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const portOf = (target: number): Promise<number> =>
      until(
        `the port for ${String(target)} is open`,
        () => Number(new RegExp(`127.0.0.1:(\\d+) -> ${String(target)}`).exec(said)?.[1]) || undefined,
        patienceMs,
      );
    const [echo, http] = [await portOf(9000), await portOf(8080)];
    t.match(await fetchText(`http://127.0.0.1:${String(http)}/`), 'web version 1');
    const { sent, received } = await sendAndReceive(echo, 100);
    t.equal(received, sent, 'the checksums are the same');
    t.match(await fetchText(`http://127.0.0.1:${String(http)}/`), 'web version 1', 'it goes on');
    forwarding.kill('SIGINT');
    await once(forwarding, 'exit');
  });
}

/** Sends so many random megabytes to an echo server, and answers the checksums of what went and what came back. */
async function sendAndReceive(port: number, megabytes: number): Promise<{ sent: string; received: string }> {
  const socket = connect(port, '127.0.0.1');
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  const bytes = megabytes * 1_000_000;
  let left = bytes;
  const back = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      received.update(chunk);
      left -= chunk.length;
      if (left <= 0) resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error(`closed, and ${String(left)} bytes did not come back`));
    });
  });
  for (let index = 0; index < megabytes; index++) {
    const block = randomBytes(1_000_000);
    sent.update(block);
    if (!socket.write(block)) await Promise.race([once(socket, 'drain'), back]);
  }
  await back;
  socket.destroy();
  return { sent: sent.digest('hex'), received: received.digest('hex') };
}

/** Connections to the kubelet, and those of containerd's streaming server, that are not closed by both sides. */
async function openStreams(kubeletPort: number, containerd: number): Promise<number> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')));
  const rows = tables.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)),
  );
  const [listening, timeWait] = ['0A', '06'];
  const open = rows.filter(([, , , state]) => state !== listening && state !== timeWait);
  const hexPort = kubeletPort.toString(16).toUpperCase().padStart(4, '0');
  const toKubelet = open.filter(([, local]) => local?.endsWith(`:${hexPort}`));
  const inodes = new Set(open.map((columns) => columns[9]));
  const folder = `/proc/${String(containerd)}/fd`;
  const targets = await Promise.all(
    (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => 'closed meanwhile')),
  );
  const ofContainerd = targets.filter((target) => inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1]));
  return toKubelet.length + ofContainerd.length;
}
