/** The controller manager's command line: names and defaults of kube-controller-manager. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import IPCIDR from 'ip-cidr';
import { UsageError } from '../common/usage-error.js';
import type { ControllerManagerSettings } from './controller-definition.js';

export interface ControllerManagerFlags {
  readonly kubeconfig: string;
  readonly bindAddress: string;
  readonly securePort: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: string;
  readonly allocateNodeCidrs: string;
  readonly rootCaFile?: string;
  readonly nodeMonitorGracePeriod: string;
  readonly terminatedPodGcThreshold: string;
  readonly leaderElect: string;
  readonly controllers: string;
}

export function declareFlags(command: Command): Command {
  return command
    .requiredOption('--kubeconfig <file>', 'how to reach the apiserver')
    .option('--bind-address <address>', 'where health and metrics are served', '127.0.0.1')
    .option('--secure-port <port>', 'the port of health and metrics', '10257')
    .option('--tls-cert-file <file>', 'certificate of that port; plain HTTP without it')
    .option('--tls-private-key-file <file>', 'its private key')
    .option('--cluster-cidr <cidr>', 'range of all pod addresses', '10.244.0.0/16')
    .option('--node-cidr-mask-size <bits>', 'size of the part that each node gets', '24')
    .option('--allocate-node-cidrs [bool]', 'give each node its part', 'true')
    .option('--root-ca-file <file>', 'certificate authority to publish as kube-root-ca.crt')
    .option('--node-monitor-grace-period <duration>', 'silence after which a node is Unknown', '40s')
    .option('--terminated-pod-gc-threshold <count>', 'finished pods to keep; 0 keeps all', '12500')
    .option('--leader-elect [bool]', 'wait for the lease before working', 'false')
    .option('--controllers <names>', 'comma-separated names to run, or * for all', '*');
}

/** Reads the flags that concern controllers. Throws UsageError for a value that cannot be used. */
export function settingsOf(flags: ControllerManagerFlags): ControllerManagerSettings {
  if (!IPCIDR.isValidCIDR(flags.clusterCidr)) {
    throw new UsageError(`--cluster-cidr: "${flags.clusterCidr}" is not a range such as 10.244.0.0/16`);
  }
  return {
    clusterCidr: flags.clusterCidr,
    nodeCidrMaskSize: wholeNumber('--node-cidr-mask-size', flags.nodeCidrMaskSize),
    allocateNodeCidrs: booleanOf('--allocate-node-cidrs', flags.allocateNodeCidrs),
    rootCa: flags.rootCaFile === undefined ? undefined : readText('--root-ca-file', flags.rootCaFile),
    nodeMonitorGracePeriodMs: durationMs('--node-monitor-grace-period', flags.nodeMonitorGracePeriod),
    terminatedPodGcThreshold: wholeNumber('--terminated-pod-gc-threshold', flags.terminatedPodGcThreshold),
  };
}

/** The certificate of the health port; undefined when it is to speak plain HTTP. */
export function healthTlsOf(flags: ControllerManagerFlags): { cert: string; key: string } | undefined {
  if (flags.tlsCertFile === undefined && flags.tlsPrivateKeyFile === undefined) return undefined;
  if (flags.tlsCertFile === undefined || flags.tlsPrivateKeyFile === undefined) {
    throw new UsageError('--tls-cert-file and --tls-private-key-file go together');
  }
  return {
    cert: readText('--tls-cert-file', flags.tlsCertFile),
    key: readText('--tls-private-key-file', flags.tlsPrivateKeyFile),
  };
}

/** `true` and `false`; a flag given without a value is true. */
export function booleanOf(flag: string, value: string | boolean): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new UsageError(`${flag}: "${value}" is neither true nor false`);
}

export function wholeNumber(flag: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new UsageError(`${flag}: "${value}" is not a whole number`);
  return Number(value);
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go writes it: `40s`, `1m30s`, `500ms`. */
export function durationMs(flag: string, value: string): number {
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== value) {
    throw new UsageError(`${flag}: "${value}" is not a duration such as 40s or 1m30s`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitMs[unit ?? ''] ?? 0), 0);
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
