/**
 * The kubelet's flags, with the names that Kubernetes' kubelet uses where it has them. Those of keys of the
 * configuration are declared from its description (`config/keys`); the others stand here.
 */
import { hostname } from 'node:os';
import { Option } from 'commander';
import type { Command } from 'commander';
import { UsageError } from '../common/component.js';
import { readFlagFile } from '../common/read-flags.js';
import { allKeys } from './config/kubelet-configuration.js';
import type { KubeletConfiguration } from './config/kubelet-configuration.js';
import { loadConfiguration } from './config/load-configuration.js';
import type { DecodedConfiguration } from './config/decode-configuration.js';
import type { KubeletSettings } from './kubelet-parts.js';

export interface KubeletFlags extends Readonly<Record<string, unknown>> {
  readonly kubeconfig: string;
  readonly config?: string;
  readonly configDir?: string;
  readonly hostnameOverride?: string;
  readonly nodeIp: string;
  readonly rootDir: string;
  readonly cniConfDir: string;
  readonly cniDataDir: string;
  readonly bridge: string;
}

export function declareFlags(command: Command): Command {
  command
    .requiredOption('--kubeconfig <file>', 'how to reach the apiserver, and as whom')
    .option('--config <file>', 'a KubeletConfiguration, YAML or JSON: docs/kubelet-configuration.md')
    .option('--config-dir <folder>', 'more of them, *.conf, put over it in the order of their names')
    .option('--hostname-override <name>', "the node's name (default: the host's name)")
    .requiredOption('--node-ip <address>', 'the address at which other nodes reach this one')
    .option('--root-dir <folder>', 'volumes and other files of pods', '/var/lib/kubelet')
    .option('--cni-conf-dir <folder>', 'where the runtime reads its network configuration', '/etc/cni/net.d')
    .option('--cni-data-dir <folder>', 'where the addresses in use are kept', '/var/lib/cni/networks')
    .option('--bridge <name>', "the bridge that joins this node's pods", 'knarr0');
  for (const { path, field } of allKeys()) {
    if (field.flag === undefined) continue;
    const isSwitch = typeof field.byDefault === 'boolean';
    const option = new Option(
      `--${field.flag} ${isSwitch ? '[true|false]' : '<value>'}`,
      `${path.join('.')}: ${field.about}`,
    );
    // A flag that is not given must leave the file's value: it has no default here.
    command.addOption(isSwitch ? option.preset('true') : option);
  }
  return command;
}

/** Throws UsageError for a file or flag that cannot be met. */
export function configurationOf(flags: KubeletFlags): DecodedConfiguration {
  const texts = allKeys().flatMap(({ field: { flag } }): [string, string][] => {
    const given = flag === undefined ? undefined : flags[attributeOf(flag)];
    return flag !== undefined && typeof given === 'string' ? [[flag, given]] : [];
  });
  return loadConfiguration({ file: flags.config, folder: flags.configDir, flags: Object.fromEntries(texts) });
}

/** The name under which commander keeps an option. */
function attributeOf(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Throws UsageError for a flag that cannot be met. */
export function settingsOf(flags: KubeletFlags, configuration: KubeletConfiguration): KubeletSettings {
  const { tlsCertFile, tlsPrivateKeyFile, authentication } = configuration;
  return {
    nodeName: (flags.hostnameOverride ?? hostname()).toLowerCase(),
    nodeIp: flags.nodeIp,
    rootDir: flags.rootDir,
    network: { confDir: flags.cniConfDir, dataDir: flags.cniDataDir, bridge: flags.bridge },
    certificates: {
      cert: readNeededFile('tlsCertFile', '--tls-cert-file', tlsCertFile),
      key: readNeededFile('tlsPrivateKeyFile', '--tls-private-key-file', tlsPrivateKeyFile),
      clientCa: readNeededFile(
        'authentication.x509.clientCAFile',
        '--client-ca-file',
        authentication.x509.clientCAFile,
      ),
    },
    configuration,
  };
}

function readNeededFile(key: string, flag: string, file: string): string {
  if (file === '') throw new UsageError(`${key} is needed: give it in the configuration, or as ${flag}`);
  return readFlagFile(flag, file);
}
