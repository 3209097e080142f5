/**
 * The one place that decides where a cluster's files are and which ports and addresses it uses.
 *
 * {@link Settings} are what a person chose (flags) or chose before (the settings file); {@link Layout} is all that
 * follows from them. Both are plain data; nothing here touches the machine.
 */
import { join } from 'node:path';
import type { EtcdAccess } from './etcd-access.js';

/** The cgroup below which all pods of Knarr have theirs: not `kubepods`, which may be somebody else's. */
export const podCgroupRoot = '/knarr';

export interface Settings extends EtcdAccess {
  readonly dataDir: string;
  readonly runDir: string;
  readonly logDir: string;
  /** `embedded`, or `etcd=URL[,URL]`. */
  readonly store: string;
  readonly securePort: number;
  readonly kubeletPort: number;
  readonly kubeletHealthzPort: number;
  readonly schedulerPort: number;
  readonly controllerManagerPort: number;
  readonly proxyHealthzPort: number;
  readonly clusterCidr: string;
  readonly serviceClusterIpRange: string;
  readonly bridge: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** The kubeconfig into which the context `knarr` is merged. */
  readonly kubeconfig: string;
}

export const defaultSettings = {
  dataDir: '/var/lib/knarr',
  runDir: '/run/knarr',
  logDir: '/var/log/knarr',
  store: 'embedded',
  securePort: 6443,
  kubeletPort: 10250,
  kubeletHealthzPort: 10248,
  schedulerPort: 10259,
  controllerManagerPort: 10257,
  proxyHealthzPort: 10256,
  clusterCidr: '10.244.0.0/16',
  serviceClusterIpRange: '10.96.0.0/12',
  bridge: 'knarr0',
} as const satisfies Partial<Settings>;

/** Name of the context, cluster and user in kubeconfig files. */
export const contextName = 'knarr';

export type StoreChoice =
  { readonly backend: 'embedded' } | { readonly backend: 'etcd'; readonly servers: readonly string[] };

export interface Layout {
  readonly settings: Settings;
  readonly store: StoreChoice;
  readonly data: {
    readonly root: string;
    readonly settings: string;
    readonly pki: string;
    readonly kubeconfigs: string;
    readonly store: string;
    readonly containerd: string;
    readonly containerdConfig: string;
    readonly registries: string;
    readonly kubelet: string;
    /** More of the kubelet's configuration, `*.conf`: the user's, read whenever the kubelet starts. */
    readonly kubeletConfiguration: string;
    readonly cniBin: string;
    readonly cniConf: string;
    readonly cniState: string;
    readonly images: string;
  };
  readonly run: {
    readonly root: string;
    readonly settings: string;
    readonly pids: string;
    readonly supervisorSocket: string;
    readonly containerdSocket: string;
    readonly containerdState: string;
    readonly runc: string;
    readonly cniSocket: string;
    /** Held by a `knarr up` or `knarr down` while it works. */
    readonly lock: string;
  };
  readonly logs: { readonly root: string; readonly pods: string };
  /** `https://127.0.0.1:6443` */
  readonly serverUrl: string;
}

/** Throws RangeError with a sentence for people when the store is not understood. */
export function parseStore(text: string): StoreChoice {
  if (text === 'embedded') return { backend: 'embedded' };
  const [backend, urls = ''] = splitOnce(text, '=');
  const servers = urls.split(',').filter((url) => url !== '');
  if (backend !== 'etcd' || servers.length === 0) {
    throw new RangeError(`the store is 'embedded' or 'etcd=URL[,URL]', not '${text}'`);
  }
  for (const server of servers) {
    if (!URL.canParse(server) || !['http:', 'https:'].includes(new URL(server).protocol)) {
      throw new RangeError(`'${server}' is not the URL of an etcd server: write it as http://127.0.0.1:2379`);
    }
  }
  return { backend: 'etcd', servers };
}

export function resolveLayout(settings: Settings): Layout {
  const { dataDir, runDir, logDir } = settings;
  return {
    settings,
    store: parseStore(settings.store),
    data: {
      root: dataDir,
      settings: settingsFile(dataDir),
      pki: join(dataDir, 'pki'),
      kubeconfigs: join(dataDir, 'kubeconfig'),
      store: join(dataDir, 'store'),
      containerd: join(dataDir, 'containerd'),
      containerdConfig: join(dataDir, 'containerd.toml'),
      registries: join(dataDir, 'registries'),
      kubelet: join(dataDir, 'kubelet'),
      kubeletConfiguration: join(dataDir, 'kubelet.conf.d'),
      cniBin: join(dataDir, 'cni', 'bin'),
      cniConf: join(dataDir, 'cni', 'conf'),
      cniState: join(dataDir, 'cni', 'state'),
      images: join(dataDir, 'images'),
    },
    run: {
      root: runDir,
      settings: settingsFile(runDir),
      pids: join(runDir, 'pids'),
      supervisorSocket: join(runDir, 'supervisor.sock'),
      containerdSocket: join(runDir, 'containerd.sock'),
      containerdState: join(runDir, 'containerd'),
      runc: join(runDir, 'runc'),
      cniSocket: join(runDir, 'cni.sock'),
      lock: join(runDir, 'lock'),
    },
    logs: { root: logDir, pods: join(logDir, 'pods') },
    serverUrl: `https://127.0.0.1:${String(settings.securePort)}`,
  };
}

export function settingsFile(folder: string): string {
  return join(folder, 'cluster.json');
}

/** The ports that this machine must have free, with the process that listens on each. */
export function portsOf(settings: Settings): readonly { readonly port: number; readonly process: string }[] {
  return [
    { port: settings.securePort, process: 'apiserver' },
    { port: settings.kubeletPort, process: 'kubelet' },
    { port: settings.kubeletHealthzPort, process: 'kubelet' },
    { port: settings.schedulerPort, process: 'scheduler' },
    { port: settings.controllerManagerPort, process: 'controller-manager' },
    { port: settings.proxyHealthzPort, process: 'proxy' },
  ];
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
