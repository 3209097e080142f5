/**
 * How an etcd is reached, beyond its URLs. The flags have the names that the apiserver and the store tool have for
 * them, and are handed on as they are. Pure.
 */

export interface EtcdAccess {
  readonly etcdPrefix?: string;
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdServerName?: string;
  readonly etcdCredentialsFile?: string;
}

interface EtcdFlag {
  readonly key: keyof EtcdAccess;
  /** As a command line has it, with its argument. */
  readonly usage: string;
  readonly description: string;
}

/** What each is for, the apiserver says at more length. */
export const etcdFlags: readonly EtcdFlag[] = [
  {
    key: 'etcdPrefix',
    usage: '--etcd-prefix <prefix>',
    description: 'what all keys in etcd begin with (default: /registry)',
  },
  { key: 'etcdCafile', usage: '--etcd-cafile <file>', description: 'CA of etcd, PEM' },
  {
    key: 'etcdCertfile',
    usage: '--etcd-certfile <file>',
    description: 'client certificate for etcd, PEM',
  },
  { key: 'etcdKeyfile', usage: '--etcd-keyfile <file>', description: 'its key, PEM' },
  {
    key: 'etcdServerName',
    usage: '--etcd-server-name <name>',
    description: "name in etcd's certificates, where it is not the host of the URL",
  },
  {
    key: 'etcdCredentialsFile',
    usage: '--etcd-credentials-file <file>',
    description: 'one line USER:PASSWORD, for an etcd with authentication',
  },
];

/** Those that name a file. */
export const etcdFileKeys = etcdFlags.filter(({ usage }) => usage.endsWith('<file>')).map(({ key }) => key);

/** `etcdCafile` is `etcd-cafile` on a command line, `nodeIp` is `node-ip`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Only that of the settings which is about etcd. */
export function etcdAccessOf(settings: EtcdAccess): EtcdAccess {
  return Object.fromEntries(
    etcdFlags.flatMap(({ key }) => (settings[key] === undefined ? [] : [[key, settings[key]]])),
  );
}

/** Flags for the apiserver or the store tool: `etcd-cafile` and its value, … */
export function etcdFlagValues(access: EtcdAccess): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(etcdAccessOf(access)).map(([key, value]) => [flagName(key), value as string]),
  );
}
