/** Security settings of Pod and container together, in the runtime's terms. Pure. */
import type { Container, Pod, SeccompProfile } from '../../api/generated/core-v1.js';
import { ConfigurationError } from '../environment/resolve-environment.js';
import type {
  ContainerSecurityContext,
  NamespaceOptions,
  RuntimeImage,
  SecurityProfile,
} from '../cri/runtime.js';

/** Paths that hide the node's kernel from a container that is not privileged. */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function namespaceOptions(pod: Pod): NamespaceOptions {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  return {
    network: hostNetwork === true ? 'NODE' : 'POD',
    pid: hostPID === true ? 'NODE' : shareProcessNamespace === true ? 'POD' : 'CONTAINER',
    ipc: hostIPC === true ? 'NODE' : 'POD',
  };
}

/** Without a setting a container runs unconfined, as in Kubernetes. */
export function seccompProfile(profile: SeccompProfile | undefined): SecurityProfile {
  if (profile === undefined) return { profileType: 'Unconfined' };
  if (profile.type === 'Localhost')
    return {
      profileType: 'Localhost',
      localhostRef: `/var/lib/kubelet/seccomp/${profile.localhostProfile ?? ''}`,
    };
  return { profileType: profile.type };
}

/** Throws {@link ConfigurationError} when the container must not run as root but would. */
export function containerSecurityContext(
  pod: Pod,
  container: Container,
  image: Pick<RuntimeImage, 'uid' | 'username'>,
): ContainerSecurityContext {
  const ofPod = pod.spec.securityContext;
  const own = container.securityContext;
  const runAsUser = own?.runAsUser ?? ofPod?.runAsUser ?? image.uid;
  const runAsGroup = own?.runAsGroup ?? ofPod?.runAsGroup;
  const privileged = own?.privileged === true;
  if ((own?.runAsNonRoot ?? ofPod?.runAsNonRoot) === true)
    mustNotBeRoot(container, runAsUser, image.username);
  const groups = [...(ofPod?.supplementalGroups ?? [])];
  if (ofPod?.fsGroup !== undefined) groups.push(ofPod.fsGroup);
  const unmasked = privileged || own?.procMount === 'Unmasked';
  return {
    ...(own?.capabilities === undefined
      ? {}
      : {
          capabilities: {
            addCapabilities: own.capabilities.add ?? [],
            dropCapabilities: own.capabilities.drop ?? [],
          },
        }),
    privileged,
    namespaceOptions: namespaceOptions(pod),
    ...(runAsUser === undefined ? {} : { runAsUser: { value: runAsUser } }),
    ...(runAsUser === undefined && image.username !== '' ? { runAsUsername: image.username } : {}),
    // A group alone is refused by the runtime: it needs a user to go with.
    ...(runAsGroup === undefined ? {} : { runAsGroup: { value: runAsGroup } }),
    ...(runAsGroup !== undefined && runAsUser === undefined && image.username === ''
      ? { runAsUser: { value: 0 } }
      : {}),
    readonlyRootfs: own?.readOnlyRootFilesystem === true,
    supplementalGroups: groups,
    noNewPrivs: own?.allowPrivilegeEscalation === false && !privileged,
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp: privileged
      ? { profileType: 'Unconfined' }
      : seccompProfile(own?.seccompProfile ?? ofPod?.seccompProfile),
  };
}

function mustNotBeRoot(container: Container, user: number | undefined, username: string): void {
  if (user === 0)
    throw new ConfigurationError(
      `container's runAsUser breaks non-root policy (container: ${container.name}): it would run as user 0`,
    );
  if (user !== undefined) return;
  throw new ConfigurationError(
    username === ''
      ? `container has runAsNonRoot and image will run as root (container: ${container.name})`
      : `container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root (container: ${container.name})`,
  );
}
