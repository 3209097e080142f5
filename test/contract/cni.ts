/**
 * What a container runtime relies on from every CNI plugin. A new plugin passes this suite before anything else.
 * The caller provides a way to run the plugin; each subtest uses a network namespace of its own.
 */
import type { Test } from 'tap';
import type { PluginAnswer } from '../support/cni-runner.js';
import { TestNamespace } from '../support/netns.js';

export interface CniContract {
  /** Runs the plugin with these variables and this configuration. */
  readonly run: (environment: Record<string, string>, config: unknown) => Promise<PluginAnswer>;
  /** A configuration that works, without cniVersion. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Configurations that must be refused, by the key that the message has to name. */
  readonly refused: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Makes the names of this run's namespaces unique. */
  readonly prefix: string;
}

const versions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];

export async function cniContract(t: Test, contract: CniContract): Promise<void> {
  const { run, config } = contract;
  let namespaces = 0;

  /** A fresh container: variables for its commands, removed with the test. */
  const container = (t: Test): Record<string, string> => {
    const namespace = new TestNamespace(`${contract.prefix}${namespaces++}`);
    t.teardown(() => namespace.remove());
    return { CNI_CONTAINERID: namespace.name, CNI_NETNS: namespace.path, CNI_IFNAME: 'eth0' };
  };

  await t.test('VERSION lists the supported versions', async (t) => {
    const { exitCode, json } = await run({ CNI_COMMAND: 'VERSION' }, { cniVersion: '1.0.0' });
    t.equal(exitCode, 0);
    t.equal(json['cniVersion'], '1.0.0');
    t.ok(versions.every((version) => (json['supportedVersions'] as string[]).includes(version)));
  });

  for (const cniVersion of versions) {
    await t.test(`ADD, CHECK, DEL and DEL again in version ${cniVersion}`, async (t) => {
      const at = container(t);
      const versioned = { ...config, cniVersion };
      const added = await run({ ...at, CNI_COMMAND: 'ADD' }, versioned);
      t.equal(added.exitCode, 0, added.stdout);
      t.equal(added.json['cniVersion'], cniVersion, 'answers in the version asked for');
      for (const ip of (added.json['ips'] ?? []) as Record<string, unknown>[]) {
        t.equal('version' in ip, cniVersion.startsWith('0.'), 'the form of an address fits the version');
      }
      const checked = await run({ ...at, CNI_COMMAND: 'CHECK' }, { ...versioned, prevResult: added.json });
      if (cniVersion === '0.3.1') t.equal(checked.json['code'], 1, 'CHECK came later');
      else t.equal(checked.exitCode, 0, checked.stdout);
      for (const attempt of ['first', 'second']) {
        const deleted = await run({ ...at, CNI_COMMAND: 'DEL' }, versioned);
        t.equal(deleted.exitCode, 0, `${attempt} DEL ${deleted.stdout}`);
      }
    });
  }

  await t.test('DEL of what was never added, without its namespace, succeeds', async (t) => {
    const at = { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'never', CNI_IFNAME: 'eth0', CNI_NETNS: '' };
    const { exitCode, stdout } = await run(at, { ...config, cniVersion: '1.0.0' });
    t.equal(exitCode, 0, stdout);
  });

  await t.test('STATUS and GC succeed from version 1.1.0 on', async (t) => {
    for (const command of ['STATUS', 'GC']) {
      const answer = await run({ CNI_COMMAND: command }, { ...config, cniVersion: '1.1.0' });
      t.equal(answer.exitCode, 0, `${command} ${answer.stdout}`);
      const before = await run({ CNI_COMMAND: command }, { ...config, cniVersion: '1.0.0' });
      t.equal(before.json['code'], 1, `${command} is unknown to 1.0.0`);
    }
  });

  await t.test('failures are error objects on stdout and a non-zero exit status', async (t) => {
    const at = container(t);
    const good = { ...config, cniVersion: '1.0.0' };
    const cases: readonly [string, Record<string, string>, unknown, number, RegExp][] = [
      ['no command', {}, good, 4, /CNI_COMMAND/],
      ['an unknown command', { CNI_COMMAND: 'PAINT' }, good, 4, /PAINT/],
      ['no container id', { CNI_COMMAND: 'ADD', CNI_CONTAINERID: '' }, good, 4, /CNI_CONTAINERID/],
      [
        'a container id with a path',
        { CNI_COMMAND: 'ADD', CNI_CONTAINERID: '../x' },
        good,
        4,
        /CNI_CONTAINERID/,
      ],
      ['no interface name', { CNI_COMMAND: 'ADD', CNI_IFNAME: '' }, good, 4, /CNI_IFNAME/],
      [
        'a long interface name',
        { CNI_COMMAND: 'ADD', CNI_IFNAME: 'sixteen-letters!' },
        good,
        4,
        /CNI_IFNAME/,
      ],
      ['no namespace', { CNI_COMMAND: 'ADD', CNI_NETNS: '' }, good, 4, /CNI_NETNS/],
      ['a list instead of an object', { CNI_COMMAND: 'ADD' }, [], 6, /JSON object/],
      ['an unknown version', { CNI_COMMAND: 'ADD' }, { ...config, cniVersion: '9.0.0' }, 1, /9\.0\.0/],
      ['no version', { CNI_COMMAND: 'ADD' }, { ...config }, 1, /cniVersion/],
      ['no network name', { CNI_COMMAND: 'ADD' }, { ...good, name: undefined }, 7, /"name"/],
      ['a network name with a path', { CNI_COMMAND: 'ADD' }, { ...good, name: '../x' }, 7, /"name"/],
    ];
    for (const [what, variables, given, code, message] of cases) {
      const answer = await run({ ...at, ...variables }, given);
      t.not(answer.exitCode, 0, `${what}: exit status`);
      t.equal(answer.json['code'], code, `${what}: code (${answer.stdout.trim()})`);
      t.match(answer.json['msg'], message, `${what}: message`);
      t.type(answer.json['cniVersion'], 'string', `${what}: version`);
    }
  });

  await t.test('a configuration that it cannot honour is refused by the name of the key', async (t) => {
    const at = container(t);
    for (const [key, change] of Object.entries(contract.refused)) {
      const answer = await run({ ...at, CNI_COMMAND: 'ADD' }, { ...config, cniVersion: '1.0.0', ...change });
      t.not(answer.exitCode, 0, key);
      t.ok([2, 7].includes(answer.json['code'] as number), `${key}: code ${String(answer.json['code'])}`);
      t.ok((answer.json['msg'] as string).includes(`"${key}"`), `${key}: ${String(answer.json['msg'])}`);
    }
  });

  await t.test('calls for different containers may come at the same time', async (t) => {
    const all = Array.from({ length: 6 }, () => container(t));
    const versioned = { ...config, cniVersion: '1.0.0' };
    const added = await Promise.all(all.map((at) => run({ ...at, CNI_COMMAND: 'ADD' }, versioned)));
    t.ok(added.every((answer) => answer.exitCode === 0));
    const deleted = await Promise.all(all.map((at) => run({ ...at, CNI_COMMAND: 'DEL' }, versioned)));
    t.ok(deleted.every((answer) => answer.exitCode === 0));
  });
}
