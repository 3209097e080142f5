import t from 'tap';
import type { Container, Pod, PodSpec } from '../../../api/generated/core-v1.js';
import { dnsConfigFor, parseResolvConf } from '../../../kubelet/containers/dns-config.js';
import {
  generateContainerConfig,
  generateSandboxConfig,
} from '../../../kubelet/containers/generate-config.js';
import { hostsFile, kernelHostname, podHostname } from '../../../kubelet/containers/hosts-file.js';
import { defaultResourcePolicy } from '../../../kubelet/containers/resources.js';
import type { ContainerConfig } from '../../../kubelet/cri/runtime.js';
import { defaultPullPolicy, withDefaultTag } from '../../../kubelet/images/image-name.js';

const image = { id: 'sha256:1', repoTags: [], repoDigests: [], sizeBytes: 1, username: '' };

const dataMount = {
  containerPath: '/data',
  hostPath: '/node/data',
  readonly: true,
  propagation: 'PROPAGATION_PRIVATE',
} as const;

function pod(spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '',
      labels: { app: 'x' },
    },
    spec: { containers: [{ name: 'main', image: 'app:1' }], ...spec },
    status: {},
  };
}

function generate(container: Partial<Container>, spec: Partial<PodSpec> = {}, more = {}): ContainerConfig {
  return generateContainerConfig({
    pod: pod(spec),
    container: { name: 'main', image: 'app:1', ...container },
    restartCount: 2,
    image,
    environment: new Map([['A', 'x']]),
    volumes: { mounts: [dataMount], devices: [] },
    hostsFile: '/node/hosts',
    terminationMessageFile: '/node/message',
    resources: {
      ...defaultResourcePolicy,
      singleProcessOomKill: true,
      cgroupVersion: 1,
      memoryBytes: 1000,
    },
    security: { seccompFolder: '/node/seccomp', seccompDefault: false },
    userNamespace: undefined,
    ...more,
  });
}

void t.test('a sandbox', async (t) => {
  const input = {
    pod: pod(),
    attempt: 1,
    logDirectory: '/logs',
    dns: { servers: [], searches: [], options: [] },
    clusterDomain: 'c.local',
    cgroupParent: '/c',
    userNamespace: undefined,
  };
  t.match(generateSandboxConfig(input), {
    metadata: { name: 'p', namespace: 'shop', uid: 'u', attempt: 1 },
    hostname: 'p',
    labels: {
      app: 'x',
      'io.kubernetes.pod.name': 'p',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u',
    },
    linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } } },
  });
  const shared = pod({ hostNetwork: true, shareProcessNamespace: true, hostIPC: true });
  t.match(generateSandboxConfig({ ...input, pod: shared }), {
    hostname: '',
    linux: { securityContext: { namespaceOptions: { network: 'NODE', pid: 'POD', ipc: 'NODE' } } },
  });
});

void t.test('a container', async (t) => {
  const config = generate({
    command: ['run', '$(A)'],
    args: ['$$(A)'],
  });
  t.match(config, {
    metadata: { name: 'main', attempt: 2 },
    image: { image: 'sha256:1', userSpecifiedImage: 'app:1' },
    command: ['run', 'x'],
    args: ['$(A)'],
    logPath: 'main/2.log',
    labels: { 'io.kubernetes.container.name': 'main' },
    annotations: { 'io.kubernetes.container.restartCount': '2' },
  });
  t.strictSame(
    config.mounts.map(({ containerPath, hostPath, readonly }) => [containerPath, hostPath, readonly]),
    [
      ['/data', '/node/data', true],
      ['/etc/hosts', '/node/hosts', false],
      ['/dev/termination-log', '/node/message', false],
    ],
  );
});

const noDns = { servers: [], searches: [], options: [] };

void t.test('names and DNS', async (t) => {
  t.equal(podHostname(pod({ hostname: 'h' })), 'h');
  t.match(
    hostsFile(pod({ hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] }), ['10.0.0.2'], 'c.local', ''),
    /10\.0\.0\.2\tp\n[^]*1\.2\.3\.4\ta\tb\n/,
  );
  t.match(
    hostsFile(pod({ subdomain: 'd' }), ['10.0.0.2'], 'c.local', ''),
    /10\.0\.0\.2\tp\.d\.shop\.svc\.c\.local\tp\n/,
  );
  const named = pod({ subdomain: 'd', setHostnameAsFQDN: true });
  t.equal(kernelHostname(named, 'c.local'), 'p.d.shop.svc.c.local');
  t.equal(kernelHostname(pod({ setHostnameAsFQDN: true }), 'c.local'), 'p', 'there is nothing to qualify');
  t.equal(kernelHostname(pod({ subdomain: 'd', hostnameOverride: 'my.own.name' }), 'c.local'), 'my.own.name');
  t.throws(() => kernelHostname(named, 'c'.repeat(60)), {
    message: /is too long \(64 characters is the max/,
  });
  const many = { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] };
  t.equal(
    dnsConfigFor(pod({ dnsPolicy: 'None', dnsConfig: many }), { servers: [], domain: '' }, noDns).servers
      .length,
    3,
  );
  const host = parseResolvConf('nameserver 192.0.2.53\nsearch lan .\noptions timeout:1\n');
  t.strictSame(host, { servers: ['192.0.2.53'], searches: ['lan'], options: ['timeout:1'] });
  const cluster = { servers: ['10.96.0.10'], domain: 'c.local' };
  t.strictSame(dnsConfigFor(pod(), cluster, host), {
    servers: ['10.96.0.10'],
    searches: ['shop.svc.c.local', 'svc.c.local', 'c.local', 'lan'],
    options: ['ndots:5'],
  });
  t.strictSame(dnsConfigFor(pod({ dnsPolicy: 'Default' }), cluster, host), host);
  t.strictSame(dnsConfigFor(pod({ hostNetwork: true }), cluster, host), host);
  t.strictSame(dnsConfigFor(pod(), { ...cluster, servers: [] }, host), host);
  const own = { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] };
  t.strictSame(dnsConfigFor(pod({ dnsPolicy: 'None', dnsConfig: own }), cluster, host), {
    servers: ['1.1.1.1'],
    searches: [],
    options: ['ndots:2', 'edns0'],
  });
});

void t.test('names of images', async (t) => {
  for (const [name, expected] of [
    ['web', 'web:latest'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['localhost/knarr/web:1', 'localhost/knarr/web:1'],
    [`web@sha256:${'a'.repeat(64)}`, `web@sha256:${'a'.repeat(64)}`],
    ['Web', undefined],
    ['web:', undefined],
    ['', undefined],
  ] as const)
    t.equal(withDefaultTag(name), expected, name);
  t.strictSame(['web', 'web:latest', 'web:1'].map(defaultPullPolicy), ['Always', 'Always', 'IfNotPresent']);
});
