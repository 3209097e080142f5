/** etcd on free loopback ports, for tests: one server, or a cluster of three whose members can be hurt one by one. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './free-ports.js';
import { TcpProxy } from './tcp-proxy.js';

/** Debian's, unless the environment names another one: how other versions are tried by hand. */
const program = process.env['KNARR_TEST_ETCD'] ?? 'etcd';

export interface EtcdOptions {
  /** Serves TLS and asks clients for a certificate of this authority. PEM files. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  readonly flags?: readonly string[];
  /** A free one unless told. */
  readonly clientPort?: number;
}

export interface RunningEtcd {
  readonly endpoint: string;
  /** False after it has ended, by itself or by a kill. */
  readonly isRunning: boolean;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again with the same data and ports. */
  start(): Promise<void>;
  /** Stops it without ending it: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
}

/** Starts etcd and resolves when it serves. Rejects when etcd is not installed or does not come up in 20 s. */
export async function startEtcd(options: EtcdOptions = {}): Promise<RunningEtcd> {
  const [freePort = 0, peerPort = 0] = await freePorts(2);
  const clientPort = options.clientPort ?? freePort;
  const scheme = options.tls === undefined ? 'http' : 'https';
  const endpoint = `${scheme}://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const member = new Member(endpoint, [
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    ...(options.tls === undefined
      ? []
      : [
          `--cert-file=${options.tls.certFile}`,
          `--key-file=${options.tls.keyFile}`,
          `--trusted-ca-file=${options.tls.caFile}`,
          '--client-cert-auth',
        ]),
    ...(options.flags ?? []),
  ]);
  await member.start();
  return member;
}

export interface EtcdCluster {
  readonly members: readonly RunningEtcd[];
  readonly endpoints: readonly string[];
  /** The index of the member that leads, as the others see it. Rejects when there is none for 20 s. */
  leader(): Promise<number>;
  /** Cuts one member off from the others; clients still reach it. */
  partition(index: number): Promise<void>;
  heal(): void;
  stop(): Promise<void>;
}

export interface EtcdClusterOptions {
  /** Where the members have their data; a folder of the test's own for those beyond. */
  readonly dataFolders?: readonly string[];
  /** When a member's file grows or its log is cut is up to these. */
  readonly flags?: readonly string[];
}

/** Three members that talk to each other through proxies of the test. */
export async function startEtcdCluster(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  const ports = await freePorts(6);
  const peers = await Promise.all(
    ports.slice(0, 3).map(async (port) => ({
      listen: `http://127.0.0.1:${port}`,
      proxy: await TcpProxy.start(`http://127.0.0.1:${port}`),
    })),
  );
  const all = peers.map(({ proxy }, index) => `m${index}=${proxy.endpoint}`).join(',');
  const members = peers.map(
    ({ listen, proxy }, index) =>
      new Member(
        `http://127.0.0.1:${ports[3 + index] ?? 0}`,
        [
          ...(options.flags ?? []),
          `--name=m${index}`,
          `--listen-peer-urls=${listen}`,
          `--initial-advertise-peer-urls=${proxy.endpoint}`,
          `--initial-cluster=${all}`,
          '--initial-cluster-state=new',
          // Elections within a second, also on a machine that is busy with other tests.
          '--heartbeat-interval=100',
          '--election-timeout=1000',
        ],
        options.dataFolders?.[index],
      ),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop()));
    await Promise.all(peers.map(({ proxy }) => proxy.stop()));
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  const ids = await Promise.all(members.map(async (member) => (await member.status()).id));
  return {
    members,
    endpoints: members.map((member) => member.endpoint),
    leader: async () => {
      const deadline = Date.now() + 20_000;
      for (;;) {
        for (const [index, member] of members.entries()) {
          const { leader } = await member.status().catch(() => ({ leader: undefined }));
          const found = ids.indexOf(leader ?? '');
          if (found >= 0 && found !== index) return found;
        }
        if (Date.now() > deadline) throw new Error('the etcd cluster has no leader after 20 s');
        await delay(50);
      }
    },
    partition: async (index) => {
      // A member names itself in the head of what it sends to others, in hexadecimal.
      const name = `X-Server-From: ${BigInt(ids[index] ?? '0').toString(16)}`;
      for (const [other, { proxy }] of peers.entries()) {
        if (other === index) proxy.refuse(true);
        else proxy.refuseThoseWho((head) => head.toLowerCase().includes(name.toLowerCase()));
        proxy.cut();
      }
    },
    heal: () => {
      for (const { proxy } of peers) {
        proxy.refuse(false);
        proxy.refuseThoseWho(undefined);
        proxy.cut();
      }
    },
    stop,
  };
}

/** One etcd process with a folder of its own. */
class Member implements RunningEtcd {
  readonly endpoint: string;
  readonly #folder: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  constructor(endpoint: string, flags: readonly string[], folder?: string) {
    this.endpoint = endpoint;
    this.#folder = folder ?? mkdtempSync(join(tmpdir(), 'knarr-etcd-'));
    this.#flags = [
      `--data-dir=${this.#folder}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      '--log-level=error',
      '--logger=zap',
      ...flags,
    ];
  }

  async start(): Promise<void> {
    const child = spawn(program, this.#flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    const deadline = Date.now() + 20_000;
    while (!(await accepts(this.endpoint))) {
      if (failure !== undefined) throw failure;
      if (child.exitCode !== null) throw new Error(`etcd ended with code ${child.exitCode}: ${said}`);
      if (Date.now() > deadline) throw new Error(`etcd did not come up in 20 s: ${said}`);
      await delay(50);
    }
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Member IDs as etcd's JSON gateway writes them, decimal. Rejects when it does not answer in a second. */
  async status(): Promise<{ readonly id: string; readonly leader: string | undefined }> {
    const response = await fetch(`${this.endpoint}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
      signal: AbortSignal.timeout(1_000),
    });
    const answer = (await response.json()) as { header: { member_id: string }; leader?: string };
    return { id: answer.header.member_id, leader: answer.leader };
  }
}

/** Answers its health page, or, asked without a client certificate over TLS, refuses it. */
function accepts(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const get = endpoint.startsWith('https') ? httpsGet : httpGet;
    const request = get(`${endpoint}/health`, { rejectUnauthorized: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      resolve(endpoint.startsWith('https') && error.code !== 'ECONNREFUSED');
    });
  });
}
