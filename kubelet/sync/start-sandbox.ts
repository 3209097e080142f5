/** Makes a Pod's sandbox: log folder, cgroup, network, and what of it the containers mount. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import { dnsConfigFor, readResolvConf } from '../containers/dns-config.js';
import { generateSandboxConfig } from '../containers/generate-config.js';
import { hostsFile } from '../containers/hosts-file.js';
import { podCgroupLimits } from '../containers/resources.js';
import type { IdRange } from '../containers/user-namespaces.js';
import type { PodSandboxConfig } from '../cri/runtime.js';
import { handlerFeatures } from './handler-features.js';
import type { PodServices } from './pod-services.js';

/** The configuration of the sandbox with this attempt number; the same input gives the same answer at any time. */
export async function sandboxConfigFor(
  services: PodServices,
  pod: Pod,
  attempt: number,
): Promise<PodSandboxConfig> {
  return generateSandboxConfig({
    pod,
    attempt,
    logDirectory: services.folders.logs(pod),
    dns: dnsConfigFor(pod, services.dns, await readResolvConf()),
    clusterDomain: services.dns.domain,
    cgroupParent: services.cgroups.pathOf(pod),
    userNamespace: await userNamespaceOf(services, pod),
  });
}

/** Undefined for the node's users. Rejects when the runtime cannot give a Pod users of its own. */
export async function userNamespaceOf(services: PodServices, pod: Pod): Promise<IdRange | undefined> {
  if (pod.spec.hostUsers !== false) return undefined;
  const { name, userNamespaces } = await handlerFeatures(services, pod);
  if (!userNamespaces) throw new Error(`RuntimeClass handler "${name}" does not support user namespaces`);
  return services.userNamespaces.rangeOf(pod.metadata.uid);
}

/**
 * Answers the sandbox's ID. Rejects with the signal's reason when it aborts before its turn has come; once begun it is not
 * broken off: half a sandbox would be left in the runtime.
 */
export async function startSandbox(
  services: PodServices,
  pod: Pod,
  config: PodSandboxConfig,
  signal: AbortSignal,
): Promise<string> {
  const { folders, cgroups, runtime, runtimeState, creationLimit } = services;
  const handler = await services.runtimeHandlerOf(pod);
  const { uid, namespace, name } = pod.metadata;
  return creationLimit.run(pod, signal, async () => {
    await Promise.all([
      mkdir(folders.logs(pod), { recursive: true }),
      cgroups.ensure(pod, podCgroupLimits(pod, services.node.resources)),
    ]);
    runtimeState.expect({ uid, namespace, name });
    return runtime.runPodSandbox(config, undefined, handler);
  });
}

/** Writes the file that all containers of the Pod see as /etc/hosts. */
export async function writeHostsFile(
  services: PodServices,
  pod: Pod,
  ips: readonly string[],
): Promise<string> {
  const path = services.folders.hostsFile(pod.metadata.uid);
  const ofNode = pod.spec.hostNetwork === true ? await readFile('/etc/hosts', 'utf8') : '';
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, hostsFile(pod, ips, services.dns.domain, ofNode));
  return path;
}
