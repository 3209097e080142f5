/** The scheduler's command line: names and defaults of kube-scheduler. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../common/component.js';

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
  const port = Number(flags.securePort);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`--secure-port: "${flags.securePort}" is not a port`);
  return { host: flags.bindAddress, port, tls: tlsOf(flags), leaderElect: leaderElectOf(flags.leaderElect) };
}

function leaderElectOf(value: string | boolean): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new UsageError(`--leader-elect: "${value}" is neither true nor false`);
}

function tlsOf({ tlsCertFile, tlsPrivateKeyFile }: SchedulerFlags): SchedulerSettings['tls'] {
  if (tlsCertFile === undefined && tlsPrivateKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined)
    throw new UsageError('--tls-cert-file and --tls-private-key-file belong together: give both');
  return {
    cert: readText('--tls-cert-file', tlsCertFile),
    key: readText('--tls-private-key-file', tlsPrivateKeyFile),
  };
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
