/** The flags about the store; those of etcd have the names of the kube-apiserver where it has them. */
import type { Command } from 'commander';
import type { Logger } from '../common/log.js';
import { readDurationMs, readFlagFile } from '../common/read-flags.js';
import { UsageError } from '../common/usage-error.js';
import type { StoreOptions } from './storage/backends/registry.js';

export interface StoreFlags {
  storageBackend: string;
  dataDir?: string;
  etcdServers?: string;
  etcdPrefix: string;
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  etcdServerName?: string;
  etcdCredentialsFile?: string;
  etcdCompactionInterval: string;
}

type EtcdOptions = Extract<StoreOptions, { readonly backend: 'etcd' }>;

export function declareStoreFlags(command: Command): Command {
  return declareEtcdFlags(
    command
      .option('--storage-backend <name>', 'embedded, etcd or memory', 'embedded')
      .option('--data-dir <folder>', 'where the embedded store keeps its files')
      .option('--etcd-servers <urls>', 'client URLs of etcd, comma-separated'),
  ).option('--etcd-compaction-interval <duration>', 'how often etcd forgets old history; 0s: never', '5m');
}

/** How to get at an etcd, wherever its URLs come from. */
export function declareEtcdFlags(command: Command): Command {
  return command
    .option('--etcd-prefix <prefix>', 'what all keys in etcd begin with', '/registry')
    .option('--etcd-cafile <file>', 'CA of etcd, PEM')
    .option('--etcd-certfile <file>', 'client certificate for etcd, PEM')
    .option('--etcd-keyfile <file>', 'its key, PEM')
    .option('--etcd-server-name <name>', "name in etcd's certificates, where it is not the host of the URL")
    .option('--etcd-credentials-file <file>', 'one line USER:PASSWORD, for an etcd with authentication');
}

/** Throws UsageError. The signal ends a wait for etcd. */
export function readStoreFlags(flags: StoreFlags, log: Logger, signal: AbortSignal): StoreOptions {
  switch (flags.storageBackend) {
    case 'memory':
      return { backend: 'memory', log };
    case 'embedded':
      if (flags.dataDir === undefined) throw new UsageError('--data-dir is needed by the embedded store');
      return { backend: 'embedded', dataDir: flags.dataDir, servesAdmin: true, log };
    case 'etcd':
      if (flags.etcdServers === undefined) throw new UsageError('--etcd-servers is needed by the etcd store');
      return {
        ...readEtcdFlags(flags, flags.etcdServers.split(',')),
        compactionIntervalMs: readDurationMs('--etcd-compaction-interval', flags.etcdCompactionInterval),
        log,
        signal,
      };
    default:
      throw new UsageError(`--storage-backend: ${flags.storageBackend} is not embedded, etcd or memory`);
  }
}

/** Throws UsageError. */
export function readEtcdFlags(
  flags: Omit<StoreFlags, 'storageBackend' | 'etcdCompactionInterval'>,
  endpoints: readonly string[],
): Pick<EtcdOptions, 'backend' | 'endpoints' | 'prefix' | 'tls' | 'credentials'> {
  if ((flags.etcdCertfile === undefined) !== (flags.etcdKeyfile === undefined))
    throw new UsageError('--etcd-certfile and --etcd-keyfile belong together: give both');
  const read = (flag: string, file: string | undefined): string | undefined =>
    file === undefined ? undefined : readFlagFile(flag, file);
  const tls = {
    ...given('ca', read('--etcd-cafile', flags.etcdCafile)),
    ...given('cert', read('--etcd-certfile', flags.etcdCertfile)),
    ...given('key', read('--etcd-keyfile', flags.etcdKeyfile)),
    ...given('serverName', flags.etcdServerName),
  };
  const plain = endpoints.filter((url) => url.startsWith('http://'));
  if (Object.keys(tls).length > 0 && plain.length === endpoints.length)
    throw new UsageError(
      `certificates are given for etcd, but ${plain.join(', ')} is without TLS: write https://`,
    );
  const credentials = read('--etcd-credentials-file', flags.etcdCredentialsFile);
  return {
    backend: 'etcd',
    endpoints,
    prefix: flags.etcdPrefix,
    tls,
    ...(credentials === undefined ? {} : { credentials: parseCredentials(credentials) }),
  };
}

/** A password may hold anything but a line break, colons included. */
export function parseCredentials(text: string): { readonly user: string; readonly password: string } {
  const line = text.replace(/\r?\n$/, '');
  const at = line.indexOf(':');
  if (at <= 0 || at === line.length - 1 || /[\r\n]/.test(line))
    throw new UsageError('--etcd-credentials-file: the file is to hold one line USER:PASSWORD');
  return { user: line.slice(0, at), password: line.slice(at + 1) };
}

function given<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, string>);
}
