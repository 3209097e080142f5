/** The command line of `knarr`: its commands and flags. Each command's code is loaded when it is used. */
import { Command, InvalidArgumentError, Option } from 'commander';
import IPCIDR from 'ip-cidr';
import { UsageError } from '../common/usage-error.js';
import type { CommandContext } from './command-context.js';
import { etcdFlags } from './etcd-access.js';
import { defaultSettings, parseStore } from './layout.js';
import type { SettingsFlags } from './settings-file.js';
import type { OutputFormat } from './terminal.js';

/** Runs a command with the context for these flags and keeps its exit code. */
export type Run = (
  flags: SettingsFlags & { readonly output?: OutputFormat },
  command: (context: CommandContext) => Promise<number>,
) => Promise<void>;

export function buildProgram(version: string, run: Run, write: (text: string) => void): Command {
  const program = new Command('knarr')
    .description('A small, complete container orchestrator that speaks the Kubernetes v1.35 API.')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(knarr --help shows what there is)');

  withSettings(withFolders(program.command('up')))
    .description('start the cluster, or what is missing of it, and wait until its node is Ready')
    .addOption(outputOption())
    .option('--nodes <number>', 'how many nodes to run on this machine', parsePositive, 1)
    .action(async ({ nodes, ...flags }: SettingsFlags & { nodes: number }) => {
      await run(flags, async (context) => {
        if (nodes !== 1) throw new UsageError('this version runs one node on a machine: leave --nodes out');
        return (await import('./commands/up.js')).up(context);
      });
    });

  withFolders(program.command('down'))
    .description('stop everything that knarr up started')
    .addOption(outputOption())
    .option('--purge', 'also remove data, logs, network devices, rules and the kubeconfig context', false)
    .action(async ({ purge, ...flags }: SettingsFlags & { purge: boolean }) => {
      await run(flags, async (context) => (await import('./commands/down.js')).down(context, { purge }));
    });

  withFolders(program.command('status'))
    .description('show the processes, their ages, memory, restarts, ports and logs')
    .addOption(outputOption())
    .action(async (flags: SettingsFlags) => {
      await run(flags, async (context) => (await import('./commands/status.js')).status(context));
    });

  withSettings(withFolders(program.command('doctor')))
    .description('check whether this machine can run Knarr, and say how to mend what is wrong')
    .addOption(outputOption())
    .action(async (flags: SettingsFlags) => {
      await run(flags, async (context) => (await import('./commands/doctor.js')).doctor(context));
    });

  withFolders(program.command('kubeconfig'))
    .description("print the admin's kubeconfig")
    .action(async (flags: SettingsFlags) => {
      await run(flags, async (context) =>
        (await import('./commands/kubeconfig.js')).kubeconfig(context, write),
      );
    });

  withFolders(program.command('kubectl'))
    .description("run Kubernetes' own kubectl v1.35 on this cluster")
    .argument('[arguments...]', 'what kubectl is to do')
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption('--knarr-help')
    .action(async (args: string[], flags: SettingsFlags) => {
      await run(flags, async (context) => (await import('./commands/kubectl.js')).kubectl(context, args));
    });

  const image = program.command('image').description('images in this node, without a registry');
  withFolders(image.command('load'))
    .description('load an OCI layout (tar or folder) or a docker archive; a tar may be gzipped')
    .argument('<file>')
    .addOption(outputOption())
    .action(async (file: string, flags: SettingsFlags) => {
      await run(flags, async (context) => (await import('./commands/image.js')).loadImage(context, file));
    });
  withFolders(image.command('ls'))
    .description('list the images that are there')
    .addOption(outputOption())
    .action(async (flags: SettingsFlags) => {
      await run(flags, async (context) => (await import('./commands/image.js')).listLoadedImages(context));
    });

  declareStore(program, run);
  declareStartup(program, run);

  withFolders(program.command('logs'))
    .description('print the log of one process: apiserver, kubelet, containerd, …')
    .argument('<process>')
    .option('-f, --follow', 'go on as lines come', false)
    .option('-n, --lines <number>', 'how many of the last lines', parsePositive, 100)
    .action(
      async (
        name: string,
        { follow, lines, ...flags }: SettingsFlags & { follow: boolean; lines: number },
      ) => {
        await run(flags, async (context) =>
          (await import('./commands/logs.js')).logs(context, name, { follow, lines }),
        );
      },
    );
  return program;
}

function declareStore(program: Command, run: Run): void {
  const store = program
    .command('store')
    .description('snapshots and checks of the embedded store; moves to etcd and back');
  const declare = (name: string, description: string): Command =>
    withFolders(store.command(name)).description(description).addOption(outputOption());
  const handOver = (flags: SettingsFlags, args: readonly string[]): Promise<void> =>
    run(flags, async (context) => (await import('./commands/store.js')).store(context, args));

  declare('snapshot', 'write all that is in the store as of one revision into a file; the cluster may run')
    .argument('<file>')
    .action(async (file: string, flags: SettingsFlags) => {
      await handOver(flags, ['snapshot', file]);
    });
  declare('restore', 'fill an empty store from a snapshot; clients list anew')
    .argument('<file>')
    .option('--bump-revision <count>', 'how far the revision is raised (default: 1000000000)')
    .action(async (file: string, { bumpRevision, ...flags }: SettingsFlags & { bumpRevision?: string }) => {
      const bump = bumpRevision === undefined ? [] : [`--bump-revision=${bumpRevision}`];
      await handOver(flags, ['restore', file, ...bump]);
    });
  declare('verify', 'check every record of a snapshot, or of the store; the cluster may run')
    .argument('[file]')
    .action(async (file: string | undefined, flags: SettingsFlags) => {
      await handOver(flags, file === undefined ? ['verify'] : ['verify', file]);
    });
  const migrate = declare(
    'migrate',
    'move a stopped cluster from the embedded store to etcd, or back, and check it',
  )
    .requiredOption('--from <store>', 'embedded, or etcd=URL[,URL]', checkStore)
    .requiredOption('--to <store>', 'the same', checkStore);
  withEtcdAccess(migrate);
  migrate.action(async (flags: SettingsFlags & Readonly<Record<string, string>>) => {
    const own = new Set(['dataDir', 'runDir', 'logDir', 'output']);
    const passed = Object.fromEntries(Object.entries(flags).filter(([name]) => !own.has(name)));
    const settings = Object.fromEntries(Object.entries(flags).filter(([name]) => own.has(name)));
    await run(settings, async (context) => (await import('./commands/store.js')).migrate(context, passed));
  });
  declare('status', 'show revision, size and condition').action(async (flags: SettingsFlags) => {
    await handOver(flags, ['status']);
  });
}

function declareStartup(program: Command, run: Run): void {
  withFolders(program.command('startup'))
    .description('show how nodes start their pods: slots, queue and saturation of each disk')
    .argument('[node]', 'only this one (default: all)')
    .addOption(outputOption())
    .option('-w, --watch', 'go on until interrupted', false)
    .option('--plot <file>', 'draw the last half hour into an SVG file')
    .action(
      async (
        node: string | undefined,
        { watch, plot, ...flags }: SettingsFlags & { watch: boolean; plot?: string },
      ) => {
        await run(flags, async (context) =>
          (await import('./commands/startup.js')).startup(context, { node, watch, plot }),
        );
      },
    );
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text');
}

function withEtcdAccess(command: Command): Command {
  for (const { usage, description } of etcdFlags) command.option(usage, description);
  return command;
}

/** Defaults are not given to commander: a flag that was not typed must not override what is remembered. */
function withFolders(command: Command): Command {
  return command
    .option('--data-dir <folder>', `state (default: ${defaultSettings.dataDir})`)
    .option('--run-dir <folder>', `sockets and pids (default: ${defaultSettings.runDir})`)
    .option('--log-dir <folder>', `logs (default: ${defaultSettings.logDir})`);
}

function withSettings(command: Command): Command {
  const ports: readonly [string, string, number][] = [
    ['--secure-port', 'apiserver', defaultSettings.securePort],
    ['--kubelet-port', 'kubelet', defaultSettings.kubeletPort],
    ['--kubelet-healthz-port', "kubelet's health", defaultSettings.kubeletHealthzPort],
    ['--scheduler-port', 'scheduler', defaultSettings.schedulerPort],
    ['--controller-manager-port', 'controller manager', defaultSettings.controllerManagerPort],
    ['--proxy-healthz-port', "proxy's health", defaultSettings.proxyHealthzPort],
  ];
  command.option(
    '--store <store>',
    `embedded, or etcd=URL[,URL] (default: ${defaultSettings.store})`,
    checkStore,
  );
  withEtcdAccess(command)
    .option('--kubeconfig <file>', 'kubeconfig to merge the context knarr into (default: that of kubectl)')
    .option('--node-name <name>', 'name of the node (default: the host name)')
    .option(
      '--node-ip <address>',
      "address of the node (default: the default route's interface)",
      checkAddress,
    )
    .option('--cluster-cidr <range>', `pods (default: ${defaultSettings.clusterCidr})`, checkRange)
    .option(
      '--service-cluster-ip-range <range>',
      `Services (default: ${defaultSettings.serviceClusterIpRange})`,
      checkRange,
    );
  for (const [flag, what, port] of ports) {
    command.option(`${flag} <port>`, `${what} (default: ${port})`, parsePort);
  }
  return command;
}

function checkStore(text: string): string {
  try {
    parseStore(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function checkAddress(text: string): string {
  if (!IPCIDR.isValidAddress(text) || text.includes('/'))
    throw new InvalidArgumentError('That is no IP address.');
  return text;
}

function checkRange(text: string): string {
  const length = Number(/^\d+\.\d+\.\d+\.\d+\/(\d+)$/.exec(text)?.[1]);
  if (!IPCIDR.isValidCIDR(text) || !(length >= 8 && length <= 24)) {
    throw new InvalidArgumentError('Write a range of IPv4 addresses as 10.244.0.0/16, from /8 to /24.');
  }
  return text;
}

function parsePort(text: string): number {
  const port = parsePositive(text);
  if (port > 65_535) throw new InvalidArgumentError('A port is at most 65535.');
  return port;
}

function parsePositive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('That is no positive number.');
  return Number(text);
}
