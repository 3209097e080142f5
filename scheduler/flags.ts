/** The scheduler's command line: names and defaults of kube-scheduler. */
import type { Command } from 'commander';
import { readBoolean, readPort, readServingCertificate } from '../common/read-flags.js';

export interface SchedulerFlags {
  readonly kubeconfig: string;
  readonly bindAddress: string;
  readonly securePort: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly leaderElect: string | boolean;
}

export function declareFlags(command: Command): Command {
  return command
    .requiredOption('--kubeconfig <file>', 'how to reach the apiserver')
    .option('--bind-address <address>', 'where health and metrics are served', '127.0.0.1')
    .option('--secure-port <port>', 'the port of health and metrics', '10259')
    .option('--tls-cert-file <file>', 'certificate of that port; plain HTTP without it')
    .option('--tls-private-key-file <file>', 'its private key')
    .option('--leader-elect [bool]', 'wait for the lease before working', 'false');
}

export interface SchedulerSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly leaderElect: boolean;
}

/** Throws UsageError where a flag makes no sense. */
export function settingsOf(flags: SchedulerFlags): SchedulerSettings {
  return {
    host: flags.bindAddress,
    port: readPort('--secure-port', flags.securePort),
    tls: readServingCertificate(flags),
    leaderElect: readBoolean('--leader-elect', flags.leaderElect),
  };
}
