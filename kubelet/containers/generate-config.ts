/** From a Pod to what the runtime is asked to make: the sandbox and each container. Pure. */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { expandVariables } from '../environment/expand-variables.js';
import type {
  ContainerConfig,
  ContainerSecurityContext,
  DnsConfig,
  Mount,
  PodSandboxConfig,
  PortMapping,
  RuntimeImage,
} from '../cri/runtime.js';
import type { ContainerMounts } from '../volumes/container-mounts.js';
import { kernelHostname } from './hosts-file.js';
import { annotations, containerHash, labels } from './names.js';
import { containerResources } from './resources.js';
import type { ResourcePolicy } from './resources.js';
import { containerSecurityContext, sandboxSecurityContext } from './security-context.js';
import type { NodeSecurity } from './security-context.js';
import type { IdRange } from './user-namespaces.js';

export interface SandboxInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly logDirectory: string;
  readonly dns: DnsConfig;
  readonly clusterDomain: string;
  readonly cgroupParent: string;
  readonly userNamespace: IdRange | undefined;
}

export function generateSandboxConfig(input: SandboxInput): PodSandboxConfig {
  const { pod } = input;
  const { name, namespace, uid } = pod.metadata;
  return {
    metadata: { name, namespace, uid, attempt: input.attempt },
    // In the node's network the node's own name is kept.
    hostname: pod.spec.hostNetwork === true ? '' : kernelHostname(pod, input.clusterDomain),
    logDirectory: input.logDirectory,
    dnsConfig: input.dns,
    portMappings: portMappings(pod),
    labels: { ...pod.metadata.labels, ...podLabels(pod) },
    annotations: { ...pod.metadata.annotations },
    linux: {
      cgroupParent: input.cgroupParent,
      sysctls: Object.fromEntries(
        (pod.spec.securityContext?.sysctls ?? []).map(({ name: key, value }) => [key, value]),
      ),
      securityContext: sandboxSecurityContext(pod, input.userNamespace),
    },
  };
}

function podLabels(pod: Pod): Record<string, string> {
  const { name, namespace, uid } = pod.metadata;
  return { [labels.podName]: name, [labels.podNamespace]: namespace, [labels.podUid]: uid };
}

/** Host ports, which the CNI plugin `portmap` opens; in the node's network they are the container's own. */
function portMappings(pod: Pod): PortMapping[] {
  if (pod.spec.hostNetwork === true) return [];
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? []).flatMap((port) =>
      port.hostPort === undefined || port.hostPort === 0
        ? []
        : [
            {
              protocol: port.protocol ?? 'TCP',
              containerPort: port.containerPort,
              hostPort: port.hostPort,
              ...(port.hostIP === undefined ? {} : { hostIp: port.hostIP }),
            },
          ],
    ),
  );
}

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly restartCount: number;
  /** The container whose processes an ephemeral one shall see. */
  readonly targetContainerId?: string | undefined;
  readonly image: RuntimeImage;
  readonly environment: ReadonlyMap<string, string>;
  /** What the container mounts of the Pod's volumes. */
  readonly volumes: ContainerMounts;
  readonly hostsFile: string;
  /** The file on the node that is mounted at the termination message path. */
  readonly terminationMessageFile: string;
  readonly resources: ResourcePolicy;
  readonly security: NodeSecurity;
  readonly userNamespace: IdRange | undefined;
}

export const defaultTerminationMessagePath = '/dev/termination-log';

/** Throws ConfigurationError when the definition cannot be met. */
export function generateContainerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, restartCount, image, environment } = input;
  const expand = (text: string): string => expandVariables(text, environment);
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: image.id, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value })),
    mounts: generateMounts(input).map((mount) => withIdMappings(mount, input.userNamespace)),
    devices: input.volumes.devices,
    labels: { ...podLabels(pod), [labels.containerName]: container.name },
    annotations: {
      [annotations.hash]: containerHash(container),
      [annotations.restartCount]: String(restartCount),
      [annotations.terminationMessagePath]: container.terminationMessagePath ?? defaultTerminationMessagePath,
      [annotations.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
      [annotations.gracePeriod]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
      ...(container.ports === undefined ? {} : { [annotations.ports]: JSON.stringify(container.ports) }),
    },
    logPath: containerLogPath(container.name, restartCount),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
    linux: {
      resources: containerResources(pod, container, input.resources),
      securityContext: withTarget(
        containerSecurityContext({
          pod,
          container,
          image,
          node: input.security,
          userNamespace: input.userNamespace,
        }),
        input.targetContainerId,
      ),
    },
  };
}

/** Containers that share their process namespace anyway see the target already. */
function withTarget(
  security: ContainerSecurityContext,
  targetId: string | undefined,
): ContainerSecurityContext {
  if (targetId === undefined || security.namespaceOptions.pid !== 'CONTAINER') return security;
  return { ...security, namespaceOptions: { ...security.namespaceOptions, pid: 'TARGET', targetId } };
}

/** Below the Pod's log folder. */
export function containerLogPath(name: string, restartCount: number): string {
  return `${name}/${restartCount}.log`;
}

function generateMounts(input: ContainerInput): Mount[] {
  const { container } = input;
  const own = input.volumes.mounts;
  const taken = new Set(own.map((mount) => mount.containerPath));
  const added: Mount[] = [];
  const add = (containerPath: string, hostPath: string): void => {
    if (!taken.has(containerPath))
      added.push({ containerPath, hostPath, readonly: false, propagation: 'PROPAGATION_PRIVATE' });
  };
  add('/etc/hosts', input.hostsFile);
  add(container.terminationMessagePath ?? defaultTerminationMessagePath, input.terminationMessageFile);
  return [...own, ...added];
}

/** In a user namespace files keep the owners that they have on disk; the kernel maps them on the way. */
function withIdMappings(mount: Mount, userNamespace: IdRange | undefined): Mount {
  if (userNamespace === undefined) return mount;
  const mappings = [{ hostId: userNamespace.firstId, containerId: 0, length: userNamespace.length }];
  return { ...mount, uidMappings: mappings, gidMappings: mappings };
}
