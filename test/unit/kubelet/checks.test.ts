/** Single checks of a container: what each kind of answer counts as. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials, status as codes } from '@grpc/grpc-js';
import t from 'tap';
import type { ProbeHandler } from '../../../api/generated/core-v1.js';
import { CriError } from '../../../kubelet/cri/runtime.js';
import type { ExecResult } from '../../../kubelet/cri/runtime.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { runCheck } from '../../../kubelet/probes/run-check.js';
import type { CheckResult } from '../../../kubelet/probes/check.js';
import { systemClock } from '../../../common/clock.js';
import { loadProto, serviceIn } from '../../../proto/load.js';

const { signal } = new AbortController();

class ExecRuntime extends MemoryRuntime {
  readonly #answer: () => ExecResult;

  constructor(answer: () => ExecResult) {
    super({ clock: systemClock });
    this.#answer = answer;
  }

  override async execSync(): Promise<ExecResult> {
    return this.#answer();
  }
}

function check(handler: ProbeHandler, options: { port?: number; exec?: () => ExecResult } = {}) {
  const { port = 1, exec = () => ({ stdout: '', stderr: '', exitCode: 0 }) } = options;
  const target = {
    runtime: new ExecRuntime(exec),
    container: { name: 'main', ports: [{ name: 'web', containerPort: port }] },
    containerId: 'c',
    podIp: '127.0.0.1',
    clock: systemClock,
  };
  return runCheck(handler, target, 1, signal);
}

void t.test('a command', async (t) => {
  const handler = { exec: { command: ['ask', 'it'] } };
  const fails = (error: Error) => () => {
    throw error;
  };
  const rows: [string, () => ExecResult, CheckResult][] = [
    ['ends well', () => ({ stdout: 'a', stderr: 'b', exitCode: 0 }), { outcome: 'success', output: 'ab' }],
    ['fails', () => ({ stdout: '', stderr: 'no', exitCode: 2 }), { outcome: 'failure', output: 'no' }],
    [
      'takes too long',
      fails(new CriError('deadline-exceeded', 'late')),
      { outcome: 'failure', output: 'command timed out: "ask it" timed out after 1s' },
    ],
    [
      'cannot be run, because the runtime is away',
      fails(new CriError('unavailable', 'no connection')),
      { outcome: 'unknown', output: 'no connection' },
    ],
  ];
  for (const [name, exec, expected] of rows) t.strictSame(await check(handler, { exec }), expected, name);
  t.match(await check({}), { outcome: 'failure', output: /names nothing to do/ });
});

void t.test('an HTTP request and a connection', async (t) => {
  const server = createServer((request, response) => {
    const answers: Record<string, [number, string?]> = {
      '/ok': [200],
      '/moved': [302, '/ok'],
      '/moved-to-error': [302, '/error'],
      '/away': [302, 'http://elsewhere.test/'],
      '/around': [302, '/around'],
      '/error': [500],
    };
    const [status, location] = answers[request.url ?? ''] ?? [];
    if (status === undefined) return;
    response.writeHead(status, location === undefined ? {} : { location });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const rows: [string, CheckResult['outcome'], RegExp][] = [
    ['/ok', 'success', /^$/],
    ['/moved', 'success', /^$/],
    ['/moved-to-error', 'failure', /statuscode: 500/],
    ['/away', 'warning', /terminated redirects/],
    ['/around', 'failure', /10 redirects/],
    ['/error', 'failure', /statuscode: 500/],
    ['/hangs', 'failure', /no answer within 1s/],
  ];
  for (const [path, outcome, output] of rows)
    t.match(await check({ httpGet: { port: 'web', path } }, { port }), { outcome, output }, path);
  t.match(await check({ httpGet: { port: 'api' } }), { outcome: 'failure', output: /no port named api/ });
  t.match(await check({ tcpSocket: { port } }), { outcome: 'success' });
  t.match(await check({ tcpSocket: { port: 1 } }), { outcome: 'failure', output: /ECONNREFUSED/ });
});

void t.test('a question over gRPC', async (t) => {
  const { service } = serviceIn(loadProto('grpc/health/v1/health.proto'), 'grpc.health.v1.Health');
  const server = new Server();
  server.addService(service, {
    Check: (
      call: { request: { service: string } },
      answer: (error: object | null, reply?: object) => void,
    ) => {
      const wanted = call.request.service;
      if (wanted === 'silent') return;
      if (wanted === 'none') answer({ code: codes.NOT_FOUND, details: 'unknown service' });
      else answer(null, { status: wanted === '' ? 'SERVING' : 'NOT_SERVING' });
    },
  });
  const bind = (one: Server): Promise<number> =>
    new Promise((resolve, reject) => {
      one.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  const port = await bind(server);
  const other = new Server();
  const otherPort = await bind(other);
  t.teardown(() => {
    server.forceShutdown();
    other.forceShutdown();
  });
  t.match(await check({ grpc: { port } }), { outcome: 'success' });
  const rows: [number, string, RegExp][] = [
    [port, 'down', /service unhealthy \(responded with "NOT_SERVING"\)/],
    [port, 'none', /health rpc probe failed: unknown service/],
    [port, 'silent', /did not complete within 1s/],
    [otherPort, '', /does not implement the grpc health protocol/],
    [1, '', /failed to connect/],
  ];
  for (const [at, name, output] of rows)
    t.match(await check({ grpc: { port: at, service: name } }), { outcome: 'failure', output }, name);
});
