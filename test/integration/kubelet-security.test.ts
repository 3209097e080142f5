/** Security settings as processes see them, under a real containerd. Each container writes what it may as its last words. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Container, Pod, PodSpec, SecurityContext } from '../../api/generated/core-v1.js';
import { missingForContainerd } from '../support/containerd.js';
import { startContainerdNode } from '../support/containerd-node.js';
import { until } from '../support/kubelet.js';
import { runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';

const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testSecurity();

async function testSecurity(): Promise<void> {
  const { runtime, node } = await startContainerdNode({ logLevel: 'silent' });
  mkdirSync(join(node.rootDir, 'seccomp'), { recursive: true });
  const noMkdir = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
  };
  writeFileSync(join(node.rootDir, 'seccomp', 'no-mkdir.json'), JSON.stringify(noMkdir));

  const container = (name: string, script: string, securityContext?: SecurityContext): Container => ({
    name,
    image,
    command: ['/bin/sh', '-c', `(${script}) > /tmp/termination-log 2>&1`],
    terminationMessagePath: '/tmp/termination-log',
    ...(securityContext === undefined ? {} : { securityContext }),
  });
  /** What each container said, by name. */
  const run = async (name: string, spec: Partial<PodSpec>): Promise<Record<string, string>> => {
    await node.createPod(name, { restartPolicy: 'Never', ...spec });
    const ended = (pod: Pod): boolean =>
      pod.status.containerStatuses?.every(({ state }) => state?.terminated !== undefined) === true;
    const pod = await node.untilPod(name, ended, 30_000);
    return Object.fromEntries(
      (pod.status.containerStatuses ?? []).map((one) => [one.name, one.state?.terminated?.message ?? '']),
    );
  };

  await t.test('who a process is, and what it may', async (t) => {
    const status = 'grep -E "^(NoNewPrivs|Seccomp|CapEff):" /proc/self/status | tr -s "\\t\\n" " "';
    const said = await run('rights', {
      securityContext: { runAsUser: 1000, runAsGroup: 2000, supplementalGroups: [3000], fsGroup: 4000 },
      containers: [
        container('ids', 'id -u; id -g; id -G'),
        container('own', 'id -u; id -g', { runAsUser: 5, runAsGroup: 6 }),
        container('locked', status, {
          allowPrivilegeEscalation: false,
          seccompProfile: { type: 'RuntimeDefault' },
        }),
        container('open', status, { runAsUser: 0 }),
        container('bare', status, { runAsUser: 0, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } }),
        container('readonly', 'touch /x', { runAsUser: 0, readOnlyRootFilesystem: true }),
        container('masked', 'touch /proc/sys/kernel/domainname; wc -c < /proc/timer_list', { runAsUser: 0 }),
        container(
          'privileged',
          'cat /proc/sys/kernel/domainname > /proc/sys/kernel/domainname && echo fine',
          {
            runAsUser: 0,
            privileged: true,
          },
        ),
        container('profile', 'mkdir /tmp/x', {
          seccompProfile: { type: 'Localhost', localhostProfile: 'no-mkdir.json' },
        }),
      ],
    });
    const groups = said['ids']?.trim().split(/\s+/) ?? [];
    t.strictSame(groups.slice(0, 2), ['1000', '2000']);
    t.strictSame(groups.slice(2).sort(), ['2000', '3000', '4000']);
    t.equal(said['own'], '5\n6\n');
    t.match(said['locked'], /CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2/);
    t.match(said['open'], /CapEff: 00000000a80425fb NoNewPrivs: 0 Seccomp: 0/);
    t.match(said['bare'], /CapEff: 0000000000001000 /);
    t.match(said['readonly'], /Read-only file system/);
    t.match(said['masked'], /Read-only file system[^]*\n0\n/);
    t.equal(said['privileged'], 'fine\n');
    t.match(said['profile'], /Operation not permitted/);
  });

  await t.test('what cannot be kept is refused with a reason', async (t) => {
    await node.createPod('root', {
      containers: [container('main', 'true', { runAsNonRoot: true })],
    });
    const waits = (pod: Pod): boolean =>
      pod.status.containerStatuses?.[0]?.state?.waiting?.message !== undefined;
    const pod = await node.untilPod('root', waits, 20_000);
    t.match(pod.status.containerStatuses?.[0]?.state?.waiting, {
      reason: 'CreateContainerConfigError',
      message: /^container has runAsNonRoot and image will run as root \(pod: "root_default\(/,
    });
    const { handlers } = await runtime.features();
    if (handlers.some(({ name, userNamespaces }) => name === '' && userNamespaces)) {
      const said = await run('users', {
        hostUsers: false,
        containers: [container('main', 'cat /proc/self/uid_map')],
      });
      t.match(said['main'], /^\s+0\s+\d+\s+65536\n$/);
    } else {
      await node.createPod('users', { hostUsers: false, containers: [container('main', 'true')] });
      const refused = (await until(
        async () => (await node.events('FailedCreatePodSandBox'))[0],
        () => 'nobody said that there are no user namespaces',
      )) as { readonly message?: string };
      t.match(refused.message, 'RuntimeClass handler "" does not support user namespaces');
      t.equal((await node.pod('users'))?.status.phase, 'Pending');
    }
  });
}
