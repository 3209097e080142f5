/**
 * The processes of a node and the flags with which each is started. Pure: from a layout follow the command lines.
 */
import { join } from 'node:path';
import { certificateFile, keyFile } from '../common/pki.js';
import { signingKeyFile, signingPublicKeyFile } from '../common/signing-key.js';
import { etcdFlagValues } from './etcd-access.js';
import { podCgroupRoot } from './layout.js';
import type { Layout } from './layout.js';
import { frontProxyAuthority, frontProxyClient, serviceAccountKey } from './pki/cluster-certificates.js';
import type { ProcessDefinition } from './supervisor/supervise.js';

export interface ProcessSources {
  /** Folder of the compiled programs. */
  readonly buildDir: string;
  /** The node executable that runs them. */
  readonly node: string;
  /** The environment of `knarr up`: little of it is passed on. */
  readonly environment: NodeJS.ProcessEnv;
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** In the order in which they are listed and started; all start at once and wait for what they need. */
export function processDefinitions(layout: Layout, sources: ProcessSources): ProcessDefinition[] {
  const base = { PATH: searchPath, HOME: '/root' };
  const logFile = (name: string): string => join(layout.logs.root, `${name}.log`);
  const box = (name: string, args: readonly string[]): ProcessDefinition => ({
    name,
    program: sources.node,
    args: [join(sources.buildDir, name, 'main.js'), ...args],
    environment: base,
    logFile: logFile(name),
  });
  return [
    {
      name: 'containerd',
      program: 'containerd',
      args: ['--config', layout.data.containerdConfig],
      environment: { ...base, ...proxyVariables(sources.environment) },
      logFile: logFile('containerd'),
    },
    {
      name: 'cni',
      program: sources.node,
      args: [join(sources.buildDir, 'cni-plugins', 'daemon', 'main.js'), `--socket=${layout.run.cniSocket}`],
      environment: base,
      logFile: logFile('cni'),
    },
    box('apiserver', apiserverFlags(layout)),
    box('kubelet', kubeletFlags(layout)),
    box('controller-manager', controllerManagerFlags(layout)),
    box('scheduler', schedulerFlags(layout)),
    box('proxy', proxyFlags(layout)),
  ];
}

/** Only what pulls images may need a way through a company's proxy. */
function proxyVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function apiserverFlags(layout: Layout): string[] {
  const { settings, data, store } = layout;
  return flags({
    'bind-address': '0.0.0.0',
    'secure-port': settings.securePort,
    'advertise-address': settings.nodeIp,
    'tls-cert-file': certificateFile(data.pki, 'apiserver'),
    'tls-private-key-file': keyFile(data.pki, 'apiserver'),
    'client-ca-file': certificateFile(data.pki, 'ca'),
    'storage-backend': store.backend,
    ...(store.backend === 'embedded'
      ? { 'data-dir': data.store }
      : { 'etcd-servers': store.servers.join(','), ...etcdFlagValues(settings) }),
    'service-cluster-ip-range': settings.serviceClusterIpRange,
    'service-account-signing-key-file': signingKeyFile(data.pki, serviceAccountKey),
    'service-account-key-file': signingPublicKeyFile(data.pki, serviceAccountKey),
    'kubelet-certificate-authority': certificateFile(data.pki, 'ca'),
    'kubelet-client-certificate': certificateFile(data.pki, 'apiserver-kubelet-client'),
    'kubelet-client-key': keyFile(data.pki, 'apiserver-kubelet-client'),
    'requestheader-client-ca-file': certificateFile(data.pki, frontProxyAuthority),
    'requestheader-allowed-names': frontProxyClient,
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-uid-headers': 'X-Remote-Uid',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': certificateFile(data.pki, frontProxyClient),
    'proxy-client-key-file': keyFile(data.pki, frontProxyClient),
  });
}

function kubeletFlags(layout: Layout): string[] {
  const { settings, data, run } = layout;
  return flags({
    kubeconfig: kubeconfigOf(layout, 'kubelet'),
    'hostname-override': settings.nodeName,
    'node-ip': settings.nodeIp,
    'container-runtime-endpoint': `unix://${run.containerdSocket}`,
    'root-dir': data.kubelet,
    'config-dir': data.kubeletConfiguration,
    'pod-logs-dir': layout.logs.pods,
    address: '0.0.0.0',
    port: settings.kubeletPort,
    'healthz-port': settings.kubeletHealthzPort,
    'client-ca-file': certificateFile(data.pki, 'ca'),
    'tls-cert-file': certificateFile(data.pki, 'kubelet-server'),
    'tls-private-key-file': keyFile(data.pki, 'kubelet-server'),
    'cni-conf-dir': data.cniConf,
    'cni-data-dir': data.cniState,
    bridge: settings.bridge,
    'cgroup-driver': 'cgroupfs',
    'cgroup-root': podCgroupRoot,
    // As other small clusters do: a laptop's disk is rarely emptier, and images that were loaded by hand cannot be pulled.
    'eviction-hard': 'memory.available<100Mi,nodefs.available<5%,nodefs.inodesFree<5%,imagefs.available<5%',
    'image-gc-high-threshold': '100',
  });
}

function controllerManagerFlags(layout: Layout): string[] {
  const { settings, data } = layout;
  return flags({
    kubeconfig: kubeconfigOf(layout, 'controller-manager'),
    'bind-address': '127.0.0.1',
    'secure-port': settings.controllerManagerPort,
    'tls-cert-file': certificateFile(data.pki, 'controller-manager-server'),
    'tls-private-key-file': keyFile(data.pki, 'controller-manager-server'),
    'cluster-cidr': settings.clusterCidr,
    'root-ca-file': certificateFile(data.pki, 'ca'),
  }).concat('--allocate-node-cidrs');
}

function schedulerFlags(layout: Layout): string[] {
  const { settings, data } = layout;
  return flags({
    kubeconfig: kubeconfigOf(layout, 'scheduler'),
    'bind-address': '127.0.0.1',
    'secure-port': settings.schedulerPort,
    'tls-cert-file': certificateFile(data.pki, 'scheduler-server'),
    'tls-private-key-file': keyFile(data.pki, 'scheduler-server'),
  });
}

function proxyFlags(layout: Layout): string[] {
  const { settings } = layout;
  return flags({
    kubeconfig: kubeconfigOf(layout, 'proxy'),
    'hostname-override': settings.nodeName,
    'cluster-cidr': settings.clusterCidr,
    'service-cluster-ip-range': settings.serviceClusterIpRange,
    bridge: settings.bridge,
    'healthz-bind-address': `127.0.0.1:${String(settings.proxyHealthzPort)}`,
  });
}

/** Where the kubeconfig of a client (`admin`, `scheduler`, …) is. */
export function kubeconfigOf(layout: Layout, client: string): string {
  return join(layout.data.kubeconfigs, `${client}.kubeconfig`);
}

function flags(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${String(value)}`);
}
