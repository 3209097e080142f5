/**
 * Network namespaces for tests: a test file runs inside a namespace of its own, which plays the host, so that
 * bridges, rules, settings and connections never touch the machine's.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const marker = 'KNARR_TEST_IN_NAMESPACE';

/**
 * True inside of the test's own network and mount namespaces. Outside it runs the file again in new ones, takes
 * over the exit status and returns false: the caller then has nothing to do. False also without root, with a
 * line on stderr that says so. The namespaces end with the process.
 */
export function runInOwnNamespaces(fileUrl: string): boolean {
  if (process.env[marker] === '1') {
    // The names of namespaces are files: a folder of our own for them lets test files run side by side.
    run('mkdir', '-p', '/run/netns');
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run/netns');
    return true;
  }
  if (process.getuid?.() !== 0) {
    process.stdout.write('TAP version 14\n1..0 # SKIP network namespaces need root\n');
    return false;
  }
  const command = ['--net', '--mount', '--', process.execPath, ...process.execArgv, fileURLToPath(fileUrl)];
  // Node reads these certificates at each start; nothing here opens a connection to the outside.
  const environment = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, [marker]: '1' };
  const result = spawnSync('unshare', command, { stdio: 'inherit', env: environment });
  if (result.error !== undefined) throw result.error;
  process.exitCode = result.status ?? 1;
  return false;
}

/** Runs a tool; throws with its stderr when it fails. */
export function run(tool: string, ...parameters: string[]): string {
  return execFileSync(tool, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A named network namespace: a pod, or a machine outside. Removed by `remove`, or with the test's mounts. */
export class TestNamespace {
  readonly name: string;
  readonly #children: ChildProcess[] = [];

  constructor(name: string) {
    this.name = name;
    run('ip', 'netns', 'add', name);
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  run(tool: string, ...parameters: string[]): string {
    return run('ip', 'netns', 'exec', this.name, tool, ...parameters);
  }

  /**
   * Answers each TCP connection and each UDP datagram on the port with `<name> <address of the client>`.
   * The next port is an echo. Resolves when both listen.
   */
  async respond(port: number): Promise<void> {
    const script = `
      const name = ${JSON.stringify(this.name)};
      const udp = require('node:dgram').createSocket('udp4');
      udp.on('message', (_, from) => udp.send(name + ' ' + from.address, from.port, from.address));
      udp.bind(${port}, () => {
        require('node:net')
          .createServer((c) => { c.on('error', () => {}); c.end(name + ' ' + c.remoteAddress.replace('::ffff:', '')); })
          .listen(${port}, '0.0.0.0');
        require('node:net')
          .createServer((c) => c.on('error', () => {}).pipe(c))
          .listen(${port + 1}, '0.0.0.0', () => console.log('listening'));
      });`;
    const child = spawn('ip', ['netns', 'exec', this.name, process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    await once(child.stdout, 'data');
  }

  /** What a server says to a client in this namespace, or the client's complaint. */
  async ask(address: string, port: number): Promise<string> {
    const client = ['nc', '-v', '-n', '-w', '3', address, String(port)];
    const child = spawn('ip', ['netns', 'exec', this.name, ...client], { stdio: ['ignore', 'pipe', 'pipe'] });
    let answer = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    const [status] = (await once(child, 'close')) as [number | null];
    return status === 0 ? answer : complaint.trim();
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    run('ip', 'netns', 'delete', this.name);
  }
}

/** Connects from the test's own namespace; the whole answer, or the code of the error. */
export async function ask(host: string, port: number, timeoutMs = 3_000): Promise<string> {
  return new Promise((resolve) => {
    const connection = connect({ host, port });
    let text = '';
    connection.setTimeout(timeoutMs, () => {
      connection.destroy();
      resolve('timeout');
    });
    connection.on('data', (chunk: Buffer) => (text += chunk.toString()));
    connection.on('end', () => {
      connection.destroy();
      resolve(text);
    });
    connection.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}

/** Looks every 20 ms until `condition` holds; throws after `deadlineMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`after ${deadlineMs} ms still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
