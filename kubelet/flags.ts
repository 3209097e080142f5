/** The kubelet's flags, with the names that Kubernetes' kubelet uses where it has them. */
import { hostname } from 'node:os';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { UsageError } from '../common/component.js';
import { readFlagFile } from '../common/read-flags.js';
import type { KubeletSettings } from './kubelet.js';

export interface KubeletFlags {
  readonly kubeconfig: string;
  readonly hostnameOverride?: string;
  readonly nodeIp: string;
  readonly containerRuntimeEndpoint: string;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly address: string;
  readonly port: number;
  readonly clientCaFile: string;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly cniConfDir: string;
  readonly cniDataDir: string;
  readonly bridge: string;
  readonly clusterDns?: string;
  readonly clusterDomain: string;
  readonly cgroupDriver: string;
  readonly cgroupRoot: string;
  readonly maxPods: number;
  readonly seccompDefault: boolean;
  readonly healthzBindAddress: string;
  readonly healthzPort: number;
}

export function declareFlags(command: Command): Command {
  return command
    .requiredOption('--kubeconfig <file>', 'how to reach the apiserver, and as whom')
    .option('--hostname-override <name>', "the node's name (default: the host's name)")
    .requiredOption('--node-ip <address>', 'the address at which other nodes reach this one')
    .requiredOption(
      '--container-runtime-endpoint <url>',
      'the CRI socket, unix:///run/containerd/containerd.sock',
    )
    .option('--root-dir <folder>', 'volumes and other files of pods', '/var/lib/kubelet')
    .option('--pod-logs-dir <folder>', "containers' logs", '/var/log/pods')
    .option('--address <address>', "the server's address", '0.0.0.0')
    .option('--port <number>', "the server's port", readPort, 10250)
    .requiredOption('--client-ca-file <file>', 'who may have signed the certificates of clients')
    .requiredOption('--tls-cert-file <file>', "the server's certificate")
    .requiredOption('--tls-private-key-file <file>', 'its key')
    .option('--cni-conf-dir <folder>', 'where the runtime reads its network configuration', '/etc/cni/net.d')
    .option('--cni-data-dir <folder>', 'where the addresses in use are kept', '/var/lib/cni/networks')
    .option('--bridge <name>', "the bridge that joins this node's pods", 'knarr0')
    .option('--cluster-dns <addresses>', "the cluster's DNS servers, separated by commas")
    .option('--cluster-domain <domain>', "the cluster's DNS domain", 'cluster.local')
    .option('--cgroup-driver <name>', 'cgroupfs (systemd is not supported yet)', 'cgroupfs')
    .option('--cgroup-root <path>', 'the cgroup below which pods have theirs', '/kubepods')
    .option('--max-pods <number>', 'how many pods may run here', readCount, 110)
    .option('--seccomp-default', 'the seccomp profile RuntimeDefault where a pod names none', false)
    .option('--healthz-bind-address <address>', 'address of the health endpoint', '127.0.0.1')
    .option('--healthz-port <number>', 'port of the health endpoint', readPort, 10248);
}

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('Not a port.');
  return port;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('Not a positive number.');
  return count;
}

/** Throws UsageError for a flag that cannot be met. */
export function settingsOf(flags: KubeletFlags): KubeletSettings {
  if (flags.cgroupDriver !== 'cgroupfs')
    throw new UsageError(`--cgroup-driver ${flags.cgroupDriver}: only cgroupfs is supported`);
  return {
    nodeName: (flags.hostnameOverride ?? hostname()).toLowerCase(),
    nodeIp: flags.nodeIp,
    rootDir: flags.rootDir,
    podLogsDir: flags.podLogsDir,
    maxPods: flags.maxPods,
    seccompDefault: flags.seccompDefault,
    network: { confDir: flags.cniConfDir, dataDir: flags.cniDataDir, bridge: flags.bridge },
    dns: {
      servers: (flags.clusterDns ?? '').split(',').filter((server) => server !== ''),
      domain: flags.clusterDomain,
    },
    server: {
      host: flags.address,
      port: flags.port,
      cert: readFlagFile('--tls-cert-file', flags.tlsCertFile),
      key: readFlagFile('--tls-private-key-file', flags.tlsPrivateKeyFile),
      clientCa: readFlagFile('--client-ca-file', flags.clientCaFile),
    },
  };
}
