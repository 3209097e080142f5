/** The kubelet with a real containerd: containers, volumes, logs, streams, restarts, and nothing left at the end. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { WebSocket } from 'ws';
import type { Pod } from '../../api/generated/core-v1.js';
import { configMaps, pods, secrets } from '../../api/resources.js';
import { systemClock } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import { LogRotator } from '../../kubelet/logs/log-rotator.js';
import { missingForContainerd, podLinks } from '../support/containerd.js';
import { startContainerdNode } from '../support/containerd-node.js';
import { isReady, until } from '../support/kubelet.js';
import { runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';

t.setTimeout(180_000);
const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testKubelet();

async function testKubelet(): Promise<void> {
  const { containerd, runtime, cgroups, node } = await startContainerdNode({ logLevel: 'error' });
  const { client } = node;
  await client.resource(configMaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { greeting: 'Ahoy', 'app.conf': 'color=red\n' },
  });
  await client.resource(secrets).create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'password', namespace: 'default' },
    data: { password: Buffer.from('s3cret').toString('base64') },
  });

  const request = (path: string, withCertificate = true): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const pair = node.pki?.pair('apiserver-kubelet-client');
      const identity = withCertificate ? { cert: pair?.certificate, key: pair?.privateKey } : {};
      const options = {
        host: '127.0.0.1',
        port: node.port,
        path,
        ca: node.pki?.authority,
        agent: false as const,
      };
      const sent = get({ ...options, ...identity }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body });
        });
      });
      sent.on('error', reject);
    });
  const execute = (pod: string, command: string[], stdin = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const pair = node.pki?.pair('apiserver-kubelet-client');
      const query = new URLSearchParams([
        ...command.map((word): [string, string] => ['command', word]),
        ['output', '1'],
        ['error', '1'],
        ...(stdin === '' ? [] : [['input', '1'] as [string, string]]),
      ]);
      const socket = new WebSocket(
        `wss://127.0.0.1:${node.port}/exec/default/${pod}/web?${query.toString()}`,
        'v4.channel.k8s.io',
        { ca: node.pki?.authority, cert: pair?.certificate, key: pair?.privateKey },
      );
      let output = '';
      socket.on('open', () => {
        if (stdin !== '') socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(stdin)]));
      });
      socket.on('message', (data: Buffer) => {
        if (data[0] === 1) output += data.subarray(1).toString();
        if (stdin !== '' && output.includes(stdin)) socket.close();
      });
      socket.on('close', () => {
        resolve(output);
      });
      socket.on('error', reject);
    });

  await t.test(
    'two containers share a volume, see their configuration and answer on the pod address',
    async (t) => {
      await node.createPod('web', {
        containers: [
          {
            name: 'web',
            image,
            env: [
              { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'settings', key: 'greeting' } } },
              { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ],
            resources: { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
            volumeMounts: [
              { name: 'logs', mountPath: '/var/log/web' },
              { name: 'settings', mountPath: '/etc/app' },
              { name: 'password', mountPath: '/etc/secret', readOnly: true },
            ],
            readinessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 },
          },
          {
            name: 'sidecar',
            image,
            command: ['/bin/sh', '-c', 'touch /logs/access.log; exec tail -f /logs/access.log'],
            volumeMounts: [{ name: 'logs', mountPath: '/logs' }],
          },
        ],
        volumes: [
          { name: 'logs', emptyDir: {} },
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'password', secret: { secretName: 'password' } },
        ],
      });
      const pod = await node.untilPod('web', isReady, 20_000);
      const page = await fetch(`http://${pod.status.podIP ?? ''}:8080/`);
      t.equal((await page.text()).trim(), 'Ahoy from web, web version 1');
      const text = await execute('web', [
        'cat',
        '/etc/app/app.conf',
        '/etc/secret/password',
        '/etc/hostname',
      ]);
      t.equal(text, 'color=red\ns3cretweb\n');
      t.match(await execute('web', ['cat', '/etc/hosts']), new RegExp(`${pod.status.podIP ?? ''}\\s+web`));
      const mounts = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
      t.match(mounts, /kubernetes\.io~secret\/password .*tmpfs/);
      const cpu = join('/sys/fs/cgroup/cpu', cgroups.pathOf(pod), 'cpu.shares');
      if (cgroups.version === 1) t.equal(readFileSync(cpu, 'utf8').trim(), '102');
    },
  );

  await t.test('exec takes standard input', async (t) => {
    t.equal(await execute('web', ['cat'], 'hello\n'), 'hello\n');
  });

  await t.test(
    'logs: the end, with times, followed until the container ends, and of the container before',
    async (t) => {
      const main = await request('/containerLogs/default/web/web?tailLines=100');
      t.equal(main.status, 200);
      t.match(main.body, /^web version 1 listens on port 8080\n/);
      const stamped = await request('/containerLogs/default/web/web?timestamps=true&tailLines=1');
      t.match(stamped.body, /^\d{4}-\d\d-\d\dT[\d:.]+Z .*\n$/);
      const followed = request('/containerLogs/default/web/sidecar?follow=true');
      await execute('web', ['sh', '-c', 'echo one last line >> /var/log/web/access.log']);
      await until(
        async () =>
          (await request('/containerLogs/default/web/sidecar')).body.includes('one last line')
            ? true
            : undefined,
        () => 'the line is not in the log',
      );
      const [sidecar] = (await runtime.listContainers()).filter(
        ({ metadata }) => metadata.name === 'sidecar',
      );
      await runtime.stopContainer(sidecar?.id ?? '', 0);
      t.match((await followed).body, /one last line\n/);
      await node.untilPod('web', (pod) => isReady(pod) && restartsOf(pod, 'sidecar') === 1);
      const previous = await request('/containerLogs/default/web/sidecar?previous=true');
      t.match(previous.body, /one last line\n/);
      t.equal((await request('/containerLogs/default/web/web?previous=true')).status, 400);
    },
  );

  await t.test('what node, pods and containers use is measured', async (t) => {
    const { body } = await request('/stats/summary');
    const summary = JSON.parse(body) as { pods: Record<string, unknown>[] };
    const measured = { cpu: { usageCoreNanoSeconds: Number }, memory: { workingSetBytes: Number } };
    t.match(summary, { node: { nodeName: 'node-1', ...measured, fs: { capacityBytes: Number } } });
    const network = { name: 'eth0', rxBytes: Number, txBytes: Number, interfaces: [{ name: 'eth0' }] };
    t.match(summary.pods, [{ podRef: { name: 'web', namespace: 'default' }, ...measured, network }]);
    const sent = (summary.pods[0]?.['network'] as { txBytes: number }).txBytes;
    t.ok(sent > 0, `${String(sent)} bytes sent`);
    const running = JSON.parse((await request('/runningpods/')).body) as { items: Pod[] };
    t.match(running.items, [
      {
        metadata: { name: 'web', namespace: 'default' },
        spec: { containers: [{ image: /^sha256:/ }, { image: /^sha256:/ }] },
      },
    ]);
    t.strictSame(running.items[0]?.spec.containers.map(({ name }) => name).sort(), ['sidecar', 'web']);
    const containers = summary.pods[0]?.['containers'] as { name: string }[];
    t.strictSame(containers.map(({ name }) => name).sort(), ['sidecar', 'web']);
    for (const container of containers) t.match(container, { ...measured, rootfs: { usedBytes: Number } });

    const resource = (await request('/metrics/resource')).body;
    const labels = 'container="web",namespace="default",pod="web"';
    t.match(
      resource,
      new RegExp(`^container_cpu_usage_seconds_total\\{${labels}\\} [0-9.e-]+ \\d{13}$`, 'm'),
    );
    t.match(
      resource,
      new RegExp(`^container_memory_working_set_bytes\\{${labels}\\} [1-9]\\d+ \\d{13}$`, 'm'),
    );
    t.match(resource, new RegExp(`^container_start_time_seconds\\{${labels}\\} \\d{10}`, 'm'));
    t.match(resource, /^pod_memory_working_set_bytes\{namespace="default",pod="web"\} [1-9]\d+ /m);
    t.match(resource, /^resource_scrape_error 0$/m);
    t.match(
      (await request('/metrics/cadvisor')).body,
      /^container_memory_rss\{container="web",image="localhost/m,
    );
    t.match(
      (await request('/metrics/probes')).body,
      /^prober_probe_total\{probe_type="Readiness",result="successful"/m,
    );
    const own = (await request('/metrics')).body;
    t.match(own, /^kubelet_running_containers\{container_state="running"\} 2$/m);
    t.match(own, /^kubelet_runtime_operations_total\{operation_type="create_container"\} [2-9]/m);
    t.match(own, /^kubelet_pod_start_duration_seconds_count 1$/m);
    t.match(own, /^kubelet_started_containers_total\{container_type="container"\} [2-9]/m);
    t.match(own, /^kubelet_pod_worker_duration_seconds_count\{operation_type="sync"\} [1-9]/m);
    t.match(JSON.parse((await request('/configz')).body), {
      kubeletconfig: { kind: 'KubeletConfiguration' },
    });
    t.match(await request('/logs/syslog'), { status: 404, body: /are not served/ });
  });

  await t.test('only the apiserver may ask', async (t) => {
    t.equal((await request('/pods', false)).status, 401);
    t.equal((await request('/healthz', false)).body, 'ok');
    const list = JSON.parse((await request('/pods')).body) as { items: unknown[] };
    t.equal(list.items.length, 1);
  });

  await t.test('a restarted kubelet changes nothing; a lost sandbox is replaced', async (t) => {
    const before = await runtime.listContainers();
    await node.stop();
    await node.start();
    await node.untilPod('web', isReady);
    t.strictSame(
      (await runtime.listContainers()).map(({ id }) => id).sort(),
      before.map(({ id }) => id).sort(),
    );
    const [sandbox] = await runtime.listPodSandboxes();
    await runtime.stopPodSandbox(sandbox?.id ?? '');
    // Where the runtime tells at once what ended, a start may be tried while the sandbox goes: that counts, too.
    await node.untilPod('web', (pod) => isReady(pod) && restartsOf(pod, 'web') >= 1, 30_000);
    await until(
      async () => ((await runtime.listPodSandboxes()).length === 1 ? true : undefined),
      () => 'the old sandbox is still there',
    );
  });

  await t.test('what a container says at its end is told', async (t) => {
    await node.createPod('words', {
      restartPolicy: 'Never',
      containers: [
        { name: 'web', image, command: ['/bin/sh', '-c', 'echo -n farewell > /dev/termination-log; exit 4'] },
      ],
    });
    const pod = await node.untilPod('words', ({ status }) => status.phase === 'Failed');
    t.match(pod.status.containerStatuses?.[0]?.state?.terminated, {
      exitCode: 4,
      message: 'farewell',
      reason: 'Error',
    });
  });

  await t.test('who follows a log sees each line once while it is rotated, one of 10 MB too', async (t) => {
    const script =
      'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); [ $((i % 1000)) = 0 ] && sleep 0.05; done;' +
      'head -c 10485760 /dev/zero | tr "\\0" k; echo; echo done';
    await node.createPod('chatty', {
      restartPolicy: 'Never',
      containers: [{ name: 'web', image, command: ['/bin/sh', '-c', script] }],
    });
    await node.untilPod('chatty', ({ status }) => status.containerStatuses?.[0]?.started === true);
    const follower = { hasEnded: false };
    const followed = request('/containerLogs/default/chatty/web?follow=true').finally(() => {
      follower.hasEnded = true;
    });
    // Names of rotated files differ by the second: this clock is ahead of the machine's.
    let nowMs = Date.now();
    const rotator = new LogRotator({
      runtime,
      configuration: {
        ...{ containerLogMaxSizeBytes: 50_000, containerLogMaxFiles: 100 },
        ...{ containerLogMaxWorkers: 2, containerLogMonitorIntervalMs: 10_000 },
      },
      clock: { ...systemClock, now: () => (nowMs += 1000) },
      log: createLogger('test', 'error'),
    });
    while (!follower.hasEnded) {
      await rotator.rotateAll();
      await delay(20);
    }
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${String(index)}\n`).join('');
    const expected = `${lines}${'k'.repeat(10_485_760)}\ndone\n`;
    t.ok((await followed).body === expected, 'followed');
    t.ok((await request('/containerLogs/default/chatty/web')).body === expected, 'read at the end');
    t.equal((await request('/containerLogs/default/chatty/web?tailLines=1')).body, 'done\n');
    t.equal((await request('/containerLogs/default/chatty/web?tailLines=2')).body.length, 10_485_766);
    const uid = (await node.untilPod('chatty', () => true)).metadata.uid;
    const files = readdirSync(join(node.podLogsDir, `default_chatty_${uid}`, 'web'));
    t.ok(files.filter((name) => name.endsWith('.gz')).length >= 2, files.join(' '));
  });

  await t.test('a deleted pod leaves nothing', async (t) => {
    for (const name of ['web', 'words', 'chatty'])
      await client.resource(pods).delete({ namespace: 'default', name });
    for (const name of ['web', 'words', 'chatty']) await node.untilGone(name, 20_000);
    t.strictSame(await runtime.listPodSandboxes(), []);
    t.strictSame(podLinks(), []);
    t.strictSame(readdirSync(join(node.rootDir, 'pods')), []);
    t.strictSame(readdirSync(node.podLogsDir), []);
    t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), join(node.rootDir, 'pods'));
    const left = ['burstable', 'besteffort'].flatMap((qos) => {
      const folder = join('/sys/fs/cgroup/memory', containerd.cgroupRoot, qos);
      return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('pod')) : [];
    });
    t.strictSame(left, []);
  });
}

function restartsOf(
  pod: { status: { containerStatuses?: readonly { name: string; restartCount: number }[] } },
  name: string,
): number {
  return pod.status.containerStatuses?.find((status) => status.name === name)?.restartCount ?? -1;
}
