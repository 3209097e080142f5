/** Debian's etcd on free loopback ports, for tests. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './free-ports.js';

export interface EtcdOptions {
  /** Serves TLS and asks clients for a certificate of this authority. PEM files. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  readonly flags?: readonly string[];
}

export interface RunningEtcd {
  readonly endpoint: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again with the same data and ports. */
  start(): Promise<void>;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
}

/** Starts etcd and resolves when it serves. Rejects when etcd is not installed or does not come up in 20 s. */
export async function startEtcd(options: EtcdOptions = {}): Promise<RunningEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-etcd-'));
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const scheme = options.tls === undefined ? 'http' : 'https';
  const endpoint = `${scheme}://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const flags = [
    `--data-dir=${folder}`,
    `--listen-client-urls=${endpoint}`,
    `--advertise-client-urls=${endpoint}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=error',
    '--logger=zap',
    ...(options.tls === undefined
      ? []
      : [
          `--cert-file=${options.tls.certFile}`,
          `--key-file=${options.tls.keyFile}`,
          `--trusted-ca-file=${options.tls.caFile}`,
          '--client-cert-auth',
        ]),
    ...(options.flags ?? []),
  ];
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    child = spawn('etcd', flags, { stdio: ['ignore', 'ignore', 'inherit'] });
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    const deadline = Date.now() + 20_000;
    while (!(await accepts(endpoint))) {
      if (failure !== undefined) throw failure;
      if (child.exitCode !== null) throw new Error(`etcd ended with code ${child.exitCode}`);
      if (Date.now() > deadline) throw new Error('etcd did not come up in 20 s');
      await delay(50);
    }
  };
  await start();
  return {
    endpoint,
    kill,
    start,
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
