/** Writes everything that the processes of a node read: certificates, kubeconfigs, configuration, CNI plugins. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pki } from '../../common/pki.js';
import { ensurePki } from '../../common/pki.js';
import { ensureSigningKey } from '../../common/signing-key.js';
import type { Snapshotter } from '../containerd/containerd-config.js';
import { containerdConfig, hasSysResource } from '../containerd/containerd-config.js';
import { gatewayOf } from '../host/routes.js';
import { renderKubeconfig } from '../kubeconfig/render-kubeconfig.js';
import type { Layout } from '../layout.js';
import { contextName } from '../layout.js';
import {
  clientCertificates,
  clusterCertificates,
  frontProxyCertificates,
  serviceAccountKey,
} from '../pki/cluster-certificates.js';
import { kubeconfigOf } from '../processes.js';
import { runCommand, tryCommand } from '../../common/run-command.js';

export async function makeFolders(layout: Layout): Promise<void> {
  const { data, run, logs } = layout;
  for (const folder of [run.root, run.pids, data.root, data.kubeconfigs, data.images, logs.root, logs.pods])
    await mkdir(folder, { recursive: true, mode: folder === data.kubeconfigs ? 0o700 : 0o755 });
  for (const folder of [
    data.store,
    data.containerd,
    data.registries,
    data.kubelet,
    data.kubeletConfiguration,
    data.cniBin,
    data.cniConf,
  ])
    await mkdir(folder, { recursive: true });
}

/** Idempotent; see {@link ensurePki}. Writes a kubeconfig for each client beside. */
export async function prepareCertificates(layout: Layout, now: number): Promise<Pki> {
  const { nodeName, nodeIp, clusterCidr, serviceClusterIpRange } = layout.settings;
  // Searching for primes takes longer than all certificates: in the meantime they are made.
  const signing = ensureSigningKey(layout.data.pki, serviceAccountKey);
  const making = ensurePki(
    layout.data.pki,
    clusterCertificates(
      {
        nodeName,
        nodeIp,
        kubernetesServiceIp: gatewayOf(serviceClusterIpRange),
        // Pods reach their node under the address of their gateway.
        addresses: [gatewayOf(clusterCidr)],
      },
      now,
    ),
  );
  const [pki] = await Promise.all([making, signing]);
  await ensurePki(layout.data.pki, frontProxyCertificates(now));
  for (const client of Object.keys(clientCertificates(nodeName))) {
    await writeIfChanged(kubeconfigOf(layout, client), clientKubeconfig(layout, pki, client), 0o600);
  }
  return pki;
}

export function clientKubeconfig(layout: Layout, pki: Pki, client: string): string {
  const pair = pki.pairs[client];
  if (pair === undefined) throw new Error(`there is no certificate for ${client}`);
  return renderKubeconfig({
    name: contextName,
    server: layout.serverUrl,
    authority: pki.authority,
    client: pair,
  });
}

export async function prepareContainerd(layout: Layout, snapshotter: Snapshotter): Promise<void> {
  const { data, run } = layout;
  const config = containerdConfig({
    root: data.containerd,
    state: run.containerdState,
    socket: run.containerdSocket,
    runcRoot: run.runc,
    cniBinDir: data.cniBin,
    cniConfDir: data.cniConf,
    registryConfigPath: data.registries,
    snapshotter,
    restrictOomScoreAdj: !hasSysResource(await readFile('/proc/self/status', 'utf8')),
  });
  await writeIfChanged(data.containerdConfig, config, 0o644);
}

/** Lets the CNI plugins write their executables, in a process of their own as for everybody else. */
export async function prepareCniPlugins(layout: Layout, buildDir: string, nodePath: string): Promise<void> {
  const { data, run, logs } = layout;
  await runCommand(nodePath, [
    join(buildDir, 'cni-plugins', 'install', 'main.js'),
    `--bin-dir=${data.cniBin}`,
    `--socket=${run.cniSocket}`,
    `--log-file=${join(logs.root, 'cni.log')}`,
    '--log-level=warn',
  ]);
}

/**
 * Makes the pod bridge where the node's own address is to be the bridge's: on a machine without a default route.
 * Elsewhere the bridge plugin makes it with the first pod.
 */
export async function prepareBridge(layout: Layout): Promise<boolean> {
  const { bridge, nodeIp, clusterCidr } = layout.settings;
  if (nodeIp !== gatewayOf(clusterCidr)) return false;
  // Not by /sys/class/net: it shows the network namespace in which sysfs was mounted, which may be another one.
  const there = await tryCommand('ip', ['link', 'show', 'dev', bridge]);
  if (there.exitCode !== 0) await runCommand('ip', ['link', 'add', bridge, 'type', 'bridge']);
  await runCommand('ip', ['address', 'replace', `${nodeIp}/32`, 'dev', bridge]);
  await runCommand('ip', ['link', 'set', bridge, 'up']);
  return true;
}

async function writeIfChanged(file: string, text: string, mode: number): Promise<void> {
  try {
    if ((await readFile(file, 'utf8')) === text) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
