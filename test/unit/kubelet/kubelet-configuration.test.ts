/** KubeletConfiguration: what is read, what is refused and how, what wins, and that the documentation says the same. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import t from 'tap';
import { packageRoot } from '../../../common/paths.js';
import { checkMachine } from '../../../kubelet/config/check-machine.js';
import { decodeConfiguration, encodeConfiguration } from '../../../kubelet/config/decode-configuration.js';
import { describeConfiguration } from '../../../kubelet/config/describe-configuration.js';
import { allKeys } from '../../../kubelet/config/kubelet-configuration.js';
import { loadConfiguration } from '../../../kubelet/config/load-configuration.js';
import { maxPodsOf } from '../../../kubelet/node/node-resources.js';

const head = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

void t.test('defaults are those that the description names', (t) => {
  const { configuration, warnings } = decodeConfiguration({});
  t.strictSame(warnings, []);
  t.equal(configuration.nodeStatusUpdateFrequencyMs, 10_000);
  t.equal(configuration.nodeStatusReportFrequencyMs, 300_000);
  t.equal(configuration.containerLogMaxSizeBytes, 10 * 1024 * 1024);
  t.equal(configuration.maxPods, 110);
  t.equal(configuration.serializeImagePulls, true);
  t.equal(configuration.maxParallelImagePulls, undefined);
  t.strictSame(configuration.evictionHard['nodefs.inodesFree'], { kind: 'percentage', percent: 5 });
  t.strictSame(configuration.evictionHard['memory.available'], { kind: 'quantity', amount: 104_857_600 });
  t.equal(configuration.authentication.webhook.cacheTTLMs, 120_000);
  const written = encodeConfiguration(configuration);
  t.match(written, { containerLogMaxSize: '10Mi', evictionPressureTransitionPeriod: '5m0s', maxPods: 110 });
  t.match(written, { evictionHard: { 'memory.available': '100Mi', 'imagefs.available': '15%' } });
  const { apiVersion, kind, ...keys } = written;
  t.strictSame([apiVersion, kind], ['kubelet.config.k8s.io/v1beta1', 'KubeletConfiguration']);
  t.strictSame(decodeConfiguration(keys).configuration, configuration, 'what is written is read as the same');
  t.end();
});

void t.test('values are read by their type', (t) => {
  const { configuration } = decodeConfiguration({
    nodeStatusUpdateFrequency: '1m30s',
    port: 0,
    maxPods: null,
    clusterDNS: ['10.96.0.10'],
    maxParallelImagePulls: 3,
    registerWithTaints: [{ key: 'a', effect: 'NoSchedule' }],
    podsPerCore: 10,
  });
  t.equal(configuration.nodeStatusUpdateFrequencyMs, 90_000);
  t.equal(configuration.nodeStatusReportFrequencyMs, 90_000, 'follows the other one');
  t.equal(configuration.port, 10_250, '0 is as good as nothing');
  t.equal(configuration.maxPods, 110);
  t.equal(configuration.serializeImagePulls, false, 'follows from maxParallelImagePulls');
  t.strictSame(configuration.registerWithTaints, [{ key: 'a', effect: 'NoSchedule' }]);
  t.equal(maxPodsOf(configuration, 4), 40);
  t.equal(maxPodsOf(configuration, 64), 110);
  t.end();
});

void t.test('what cannot be is refused by name, with how to mend it', (t) => {
  const table: [Record<string, unknown>, RegExp][] = [
    [{ maxPods: 'many' }, /^maxPods: "many" is not a whole number, at least 0$/],
    [
      { nodeStatusUpdateFrequency: 10 },
      /^nodeStatusUpdateFrequency: 10 is not a duration such as 10s, 1m30s or 500ms$/,
    ],
    [
      { imageGCHighThresholdPercent: 101 },
      /^imageGCHighThresholdPercent: 101 is not a whole number, 0 to 100$/,
    ],
    [{ clusterDNS: '10.96.0.10' }, /^clusterDNS: "10.96.0.10" is not a list$/],
    [{ clusterDNS: [1] }, /^clusterDNS\[0\]: 1 is not a text/],
    [
      { authentication: { x509: { clientCAFile: 'ca.crt' } } },
      /^authentication.x509.clientCAFile: .* absolute path/,
    ],
    [{ authentication: 'none' }, /^authentication: "none" is not a map$/],
    [{ cgroupDriver: 'runc' }, /^cgroupDriver: "runc" is not one of cgroupfs, systemd$/],
    [{ cgroupDriver: 'systemd' }, /^cgroupDriver: "systemd" is not supported: cgroups are made as folders/],
    [
      { evictionHard: { 'memory.free': '1Mi' } },
      /^evictionHard\[memory.free\]: "memory.free" is not a signal: memory/,
    ],
    [
      { evictionHard: { 'memory.available': '101%' } },
      /^evictionHard\[memory.available\]: "101%" is not at most 100%/,
    ],
    [{ containerLogMaxSize: 'big' }, /^containerLogMaxSize: "big" is not a quantity such as 10Mi$/],
    [{ systemReserved: { gpu: '1' } }, /^systemReserved\[gpu\]: "gpu" is not a resource that can be kept/],
    [
      { registerWithTaints: [{ key: 'a', effect: 'Never' }] },
      /^registerWithTaints\[0\].effect: "Never" is not one of/,
    ],
    [
      { registerWithTaints: [{ key: 'a', effect: 'NoExecute', x: 1 }] },
      /^registerWithTaints\[0\].x: unknown key/,
    ],
    [{ maxParallelImagePulls: 2, serializeImagePulls: true }, /^maxParallelImagePulls: more than 1 needs/],
    [{ tlsCertFile: '/a' }, /^tlsCertFile and tlsPrivateKeyFile belong together/],
    [
      { readOnlyPort: 10_255 },
      /^readOnlyPort: 10255 is not supported: everything is served on the secure port only$/,
    ],
    [{ startupIO: { mode: 'Slow' } }, /^startupIO.mode: "Slow" is not one of Adaptive, Fixed, Off$/],
    [{ startupIO: { fixedLimit: 0 } }, /^startupIO.fixedLimit: 0 is not a whole number, at least 1$/],
    [{ startupIO: { slotTimeout: '10' } }, /^startupIO.slotTimeout: "10" is not a duration such as/],
    [
      { startupIO: { initialLimit: 8, maxLimit: 4 } },
      /^startupIO.maxLimit: 4 is less than startupIO.initialLimit, 8$/,
    ],
    [
      { startupIO: { backends: [{ name: 'a' }] } },
      /^startupIO.backends\[0\]: .* give at least one of devices/,
    ],
    [
      { startupIO: { backends: [{ name: 'a', devices: ['sdc'] }] } },
      /^startupIO.backends\[0\].devices\[0\]: "sdc" is not a device such as \/dev\/sdc or 8:32$/,
    ],
    [
      { startupIO: { backends: [{ name: 'a', mountPoints: ['data'] }] } },
      /^startupIO.backends\[0\].mountPoints\[0\]: "data" is not an absolute path/,
    ],
    [
      { startupIO: { backends: [{ name: 'a', registries: ['host/path'] }] } },
      /^startupIO.backends\[0\].registries\[0\]: "host\/path" is not a registry/,
    ],
    [{ startupIO: { backends: [{ name: 'a', disks: [] }] } }, /^startupIO.backends\[0\].disks: unknown key$/],
    [
      { startupIO: { backends: ['b', 'b'].map((name) => ({ name, devices: ['8:0'] })) } },
      /^startupIO.backends: two are called b$/,
    ],
    [{ maxPods: 'x', port: 'y' }, /^port: .*\nmaxPods: /],
  ];
  for (const [json, message] of table)
    t.throws(
      () => decodeConfiguration(json),
      { name: 'ConfigurationProblem', message },
      JSON.stringify(json),
    );
  t.end();
});

void t.test('what has no effect is warned about, the default is not', (t) => {
  t.strictSame(decodeConfiguration({ kubeAPIQPS: 50 }).warnings, []);
  const { warnings } = decodeConfiguration({ kubeAPIQPS: 500 });
  t.match(warnings, [/^kubeAPIQPS has no effect: /]);
  t.end();
});

void t.test('files and flags', (t) => {
  const folder = t.testdir();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  mkdirSync(join(folder, 'more'));
  const config = file(
    'kubelet.yaml',
    `${head}maxPods: 50\npodsPerCore: 3\nclusterDNS: [10.0.0.1]\nnodeStatusMaxImages: 5\n`,
  );
  file('more/20-b.conf', `${head}podsPerCore: 5\n`);
  file(
    'more/10-a.conf',
    JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      podsPerCore: 4,
    }),
  );
  file('more/ignored.yaml', 'no configuration');
  const { configuration } = loadConfiguration({
    file: config,
    folder: join(folder, 'more'),
    flags: { 'max-pods': '60', 'cluster-dns': '10.0.0.2,10.0.0.3', 'fail-swap-on': 'true' },
  });
  t.equal(configuration.maxPods, 60, 'a flag wins');
  t.equal(configuration.podsPerCore, 5, 'the last file wins');
  t.equal(configuration.nodeStatusMaxImages, 5, 'what is not named again stays');
  t.strictSame(configuration.clusterDNS, ['10.0.0.2', '10.0.0.3']);
  t.equal(configuration.failSwapOn, true);

  const mistakes: [string, RegExp][] = [
    [`${head}maxPod: 5\n`, /broken.yaml: unknown key "maxPod"/],
    [`${head}authentication:\n  x509:\n    clientCa: /a\n`, /unknown key "authentication.x509.clientCa"/],
    [`${head}maxPods: 5\nmaxPods: 6\n`, /broken.yaml: Map keys must be unique at line 4/],
    [`${head}maxPods: [\n`, /broken.yaml: .* at line/],
    [
      'maxPods: 5\n',
      /broken.yaml: apiVersion undefined and kind undefined are not known: write apiVersion: kubelet/,
    ],
    ['- a\n', /broken.yaml: is no KubeletConfiguration, but \["a"\]/],
    [`${head}constructor: 1\n`, /unknown key "constructor"/],
  ];
  for (const [text, message] of mistakes) {
    const broken = file('broken.yaml', text);
    t.throws(
      () => loadConfiguration({ file: broken, folder: undefined, flags: {} }),
      { name: 'UsageError', message },
      text,
    );
  }
  const none = { file: undefined, folder: undefined, flags: {} };
  t.throws(() => loadConfiguration({ ...none, file: join(folder, 'none') }), {
    message: /^--config: ENOENT/,
  });
  t.throws(() => loadConfiguration({ ...none, folder: join(folder, 'none') }), {
    message: /^--config-dir: ENOENT/,
  });
  t.throws(() => loadConfiguration({ ...none, flags: { 'max-pods': 'many' } }), {
    message: /--max-pods: "many" is not a whole/,
  });
  t.throws(() => loadConfiguration({ ...none, flags: { 'eviction-hard': 'x' } }), {
    message: /--eviction-hard: "x" is not name<value/,
  });
  t.end();
});

void t.test('the machine must be as the configuration wants it', async (t) => {
  const swaps = t.testdir({ swaps: 'Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n' });
  const { configuration } = decodeConfiguration({ failSwapOn: true });
  await t.rejects(checkMachine(configuration, 2, join(swaps, 'swaps')), {
    message: /^swap is on: .*failSwapOn: false/,
  });
  await t.rejects(checkMachine(decodeConfiguration({ failCgroupV1: true }).configuration, 1), {
    message: /cgroup v1/,
  });
  await t.resolves(checkMachine(decodeConfiguration({}).configuration, 1, join(swaps, 'none')));
});

void t.test('the documentation has the same tables', async (t) => {
  const file = join(packageRoot(), 'docs/kubelet-configuration.md');
  const before = readFileSync(file, 'utf8');
  const [start, end] = ['<!-- keys -->\n', '<!-- end of keys -->'];
  const text = [
    before.slice(0, before.indexOf(start)),
    start,
    '\n',
    describeConfiguration(),
    '\n\n',
    before.slice(before.indexOf(end)),
  ];
  const after = await format(text.join(''), { parser: 'markdown', printWidth: 110, singleQuote: true });
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, after);
  else t.equal(before, after, 'write it anew with UPDATE_DOCS=1');
  const keys = allKeys();
  t.equal(
    new Set(keys.flatMap(({ field }) => field.flag ?? [])).size,
    keys.filter(({ field }) => field.flag !== undefined).length,
  );
});
