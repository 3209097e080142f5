/** Starts one container: environment, mounts, creation, start, postStart. Errors become the reason it waits for. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { generateContainerConfig } from '../containers/generate-config.js';
import { runHook } from '../containers/lifecycle-hooks.js';
import { isCriError } from '../cri/runtime.js';
import type { ContainerConfig, PodSandboxConfig, RuntimeImage } from '../cri/runtime.js';
import { DownwardApiError } from '../environment/downward-api.js';
import { ConfigurationError, resolveEnvironment } from '../environment/resolve-environment.js';
import type { ContainerType } from '../kubelet-metrics.js';
import { handlerFeatures } from './handler-features.js';
import { lookUpReferences } from './look-up-references.js';
import type { StartAction } from './pod-actions.js';
import { podFacts } from './pod-services.js';
import type { PodServices } from './pod-services.js';
import { userNamespaceOf } from './start-sandbox.js';
import { prepareContainerMounts } from '../volumes/container-mounts.js';
import type { ReadyVolume } from '../volumes/volume-plugin.js';
import { unlessAborted } from './unless-aborted.js';

/** `reason` is what the waiting state shows: CreateContainerConfigError, CreateContainerError, RunContainerError, … */
export class StartContainerError extends Error {
  override readonly name = 'StartContainerError';
  readonly reason: string;

  constructor(reason: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.reason = reason;
  }
}

export interface ReadyPod {
  readonly pod: Pod;
  readonly sandboxId: string;
  readonly sandboxConfig: PodSandboxConfig;
  readonly podIps: readonly string[];
  readonly volumes: ReadonlyMap<string, ReadyVolume>;
  readonly hostsFile: string;
}

/** Rejects with {@link StartContainerError}, or with the signal's reason before the container was created. */
export async function startContainer(
  services: PodServices,
  ready: ReadyPod,
  start: StartAction,
  image: RuntimeImage,
  signal: AbortSignal,
): Promise<void> {
  const config = await prepareConfig(services, ready, start, image, signal);
  const id = await services.creationLimit.run(ready.pod, signal, () =>
    createAndStart(services, ready, start, config),
  );
  await afterStart(services, ready, start.container, id, signal);
}

async function createAndStart(
  { runtime, recorder, images, metrics, resizes }: PodServices,
  { pod, sandboxId, sandboxConfig }: ReadyPod,
  start: StartAction,
  config: ContainerConfig,
): Promise<string> {
  const { container } = start;
  let id: string;
  metrics.containerStarting(containerTypeOf(pod, container.name));
  try {
    if (start.replaces !== undefined) await runtime.removeContainer(start.replaces);
    await resizes.creating(pod, container.name);
    id = await runtime.createContainer(sandboxId, config, sandboxConfig);
  } catch (error) {
    // The image may have been removed since it was last seen.
    if (isCriError(error, 'not-found')) images.forget(container.image ?? '');
    throw new StartContainerError('CreateContainerError', error);
  }
  recorder.event(pod, 'Normal', 'Created', `Created container: ${container.name}`);
  try {
    await runtime.startContainer(id);
  } catch (error) {
    throw new StartContainerError('RunContainerError', error);
  }
  recorder.event(pod, 'Normal', 'Started', `Started container ${container.name}`);
  return id;
}

export function containerTypeOf({ spec }: Pod, name: string): ContainerType {
  const isOne = (containers: readonly { readonly name: string }[] | undefined): boolean =>
    containers?.some((one) => one.name === name) === true;
  if (isOne(spec.initContainers)) return 'init_container';
  return isOne(spec.ephemeralContainers) ? 'ephemeral_container' : 'container';
}

async function prepareConfig(
  services: PodServices,
  ready: ReadyPod,
  { container, restartCount, targetContainerId }: StartAction,
  image: RuntimeImage,
  signal: AbortSignal,
): Promise<ContainerConfig> {
  const { pod } = ready;
  try {
    const [objects, allServices] = await unlessAborted(
      Promise.all([lookUpReferences(services, ready, container), services.services.list(pod, signal)]),
      signal,
    );
    const environment = resolveEnvironment({
      pod,
      container,
      facts: podFacts(services, ready.podIps),
      services: allServices,
      ...objects,
    });
    const volumes = await prepareContainerMounts({
      pod,
      container,
      environment,
      volumes: ready.volumes,
      folders: services.folders,
      mounter: services.mounter,
      runtime: services.node.runtime,
      canMountRecursiveReadOnly: async () =>
        (await handlerFeatures(services, pod, signal)).recursiveReadOnlyMounts,
    });
    const terminationMessageFile = services.folders.terminationMessage(
      pod.metadata.uid,
      container.name,
      restartCount,
    );
    await makeTerminationMessageFile(terminationMessageFile);
    const config = generateContainerConfig({
      pod,
      container,
      restartCount,
      targetContainerId,
      image,
      environment,
      volumes,
      hostsFile: ready.hostsFile,
      terminationMessageFile,
      resources: services.node.resources,
      security: services.node.security,
      userNamespace: await userNamespaceOf(services, pod),
    });
    await mkdir(join(services.folders.logs(pod), container.name), { recursive: true });
    return config;
  } catch (error) {
    if (signal.aborted) throw error;
    const isKnown = error instanceof ConfigurationError || error instanceof DownwardApiError;
    throw new StartContainerError(isKnown ? 'CreateContainerConfigError' : 'CreateContainerError', error);
  }
}

/** Any user of the container may write its last words. */
async function makeTerminationMessageFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '');
  await chmod(path, 0o666);
}

async function afterStart(
  services: PodServices,
  { pod, podIps }: ReadyPod,
  container: Container,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  const hook = container.lifecycle?.postStart;
  if (hook === undefined) return;
  const { runtime, clock, recorder, node } = services;
  try {
    const target = { runtime, container, containerId, podIp: podIps[0] ?? node.ip, clock };
    await runHook(hook, target, { clock, signal });
  } catch (error) {
    recorder.event(pod, 'Warning', 'FailedPostStartHook', `PostStartHook failed: ${String(error)}`);
    const graceSeconds = pod.spec.terminationGracePeriodSeconds ?? 30;
    await runtime.stopContainer(containerId, graceSeconds, signal, container.lifecycle?.stopSignal);
    throw new StartContainerError('PostStartHookError', error);
  }
}
