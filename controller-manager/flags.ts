/** The controller manager's command line: names and defaults of kube-controller-manager. */
import type { Command } from 'commander';
import IPCIDR from 'ip-cidr';
import { readBoolean, readDurationMs, readFlagFile, readWholeNumber } from '../common/read-flags.js';
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
    nodeCidrMaskSize: readWholeNumber('--node-cidr-mask-size', flags.nodeCidrMaskSize),
    allocateNodeCidrs: readBoolean('--allocate-node-cidrs', flags.allocateNodeCidrs),
    rootCa: flags.rootCaFile === undefined ? undefined : readFlagFile('--root-ca-file', flags.rootCaFile),
    nodeMonitorGracePeriodMs: readDurationMs('--node-monitor-grace-period', flags.nodeMonitorGracePeriod),
    terminatedPodGcThreshold: readWholeNumber(
      '--terminated-pod-gc-threshold',
      flags.terminatedPodGcThreshold,
    ),
  };
}
