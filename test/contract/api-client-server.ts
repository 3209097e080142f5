/** A real apiserver as a process of its own, on a store in memory unless told, for tests of clients. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger } from '../../common/log.js';
import { createRestClient } from '../../client/rest-client.js';
import type { ApiClient } from '../../client/types.js';
import { waitForServer } from '../../client/wait-for-server.js';
import { ensureSigningKey, signingKeyFile } from '../../common/signing-key.js';
import { testPki } from '../support/pki.js';
import type { TestPki } from '../support/pki.js';
import { freePort } from '../support/free-ports.js';

const startDeadlineMs = 20_000;

export interface TestApiServer {
  readonly pki: TestPki;
  readonly url: string;
  /** A client with the certificate of this name: `admin`, `controller-manager`, … */
  client(identity: string): Promise<ApiClient>;
  /** Of the process that runs now. */
  readonly pid: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** Ends the process at once and starts it again on the same port, empty where its store was in memory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Flags beside those that every test needs, or instead of them. */
export type ExtraFlags = Readonly<Record<`--${string}`, string>>;

/** Starts it and waits until it is ready. */
export async function startTestApiServer(
  extra: ExtraFlags = {},
  /** Of Node itself, such as `--cpu-prof`. */
  nodeOptions: readonly string[] = [],
): Promise<TestApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'knarr-apiserver-'));
  const pki = await testPki(join(folder, 'pki'));
  await ensureSigningKey(pki.folder, 'sa');
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const clients: ApiClient[] = [];
  let server = spawnServer(pki, port, extra, nodeOptions);
  const client = async (identity: string): Promise<ApiClient> => {
    const kubeconfig = await pki.kubeconfig(identity, url);
    const made = createRestClient({ connection: { kubeconfig }, userAgent: 'knarr-test' });
    clients.push(made);
    return made;
  };
  const admin = await client('admin');
  const whenReady = (): Promise<void> =>
    waitForServer({
      client: admin,
      log: createLogger('test', 'warn'),
      signal: AbortSignal.timeout(startDeadlineMs),
    });
  await whenReady();
  return {
    pki,
    url,
    client,
    get pid() {
      return server.pid ?? 0;
    },
    kill: () => end(server),
    restart: async () => {
      await end(server);
      server = spawnServer(pki, port, extra, nodeOptions);
      await whenReady();
    },
    stop: async () => {
      await Promise.all(clients.map((one) => one.close()));
      // A profile is written by a process that ends by itself.
      await end(server, nodeOptions.length > 0 ? 'SIGTERM' : 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function spawnServer(
  pki: TestPki,
  port: number,
  extra: ExtraFlags,
  nodeOptions: readonly string[],
): ChildProcess {
  const main = fileURLToPath(new URL('../../apiserver/main.js', import.meta.url));
  const flags = {
    '--bind-address': '127.0.0.1',
    '--secure-port': String(port),
    '--tls-cert-file': pki.certificateFile('apiserver'),
    '--tls-private-key-file': pki.keyFile('apiserver'),
    '--client-ca-file': pki.authorityFile,
    '--service-account-signing-key-file': signingKeyFile(pki.folder, 'sa'),
    // There is no controller that makes service accounts.
    '--disable-admission-plugins': 'ServiceAccount',
    '--storage-backend': 'memory',
    '--log-level': 'warn',
    ...extra,
  };
  return spawn(process.execPath, [...nodeOptions, main, ...Object.entries(flags).flat()], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill(signal);
  });
}
