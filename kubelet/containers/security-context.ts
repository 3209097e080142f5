/** Security settings of Pod and container together, in the runtime's terms. Pure. */
import type {
  AppArmorProfile,
  Container,
  Pod,
  SELinuxOptions,
  SeccompProfile,
} from '../../api/generated/core-v1.js';
import { ConfigurationError } from '../environment/resolve-environment.js';
import type {
  ContainerSecurityContext,
  NamespaceOptions,
  PodSandboxConfig,
  RuntimeImage,
  SecurityProfile,
  SelinuxOptions,
} from '../cri/runtime.js';
import type { IdRange } from './user-namespaces.js';

/** What the node adds to what a Pod says. */
export interface NodeSecurity {
  /** Folder below which profiles of type Localhost are, `<root-dir>/seccomp`. */
  readonly seccompFolder: string;
  /** RuntimeDefault where a Pod says nothing, instead of Unconfined (`seccompDefault`). */
  readonly seccompDefault: boolean;
}

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

/** `userNamespace` is the range of the node's users that a Pod with `hostUsers: false` has to itself. */
export function namespaceOptions(pod: Pod, userNamespace: IdRange | undefined): NamespaceOptions {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  const mappings =
    userNamespace === undefined
      ? []
      : [{ hostId: userNamespace.firstId, containerId: 0, length: userNamespace.length }];
  return {
    network: hostNetwork === true ? 'NODE' : 'POD',
    pid: hostPID === true ? 'NODE' : shareProcessNamespace === true ? 'POD' : 'CONTAINER',
    ipc: hostIPC === true ? 'NODE' : 'POD',
    ...(userNamespace === undefined
      ? {}
      : { usernsOptions: { mode: 'POD', uids: mappings, gids: mappings } }),
  };
}

/**
 * Without a setting a container runs unconfined, as in Kubernetes, unless the node says otherwise.
 * Throws {@link ConfigurationError} for a profile without its file.
 */
function seccompProfile(profile: SeccompProfile | undefined, node: NodeSecurity): SecurityProfile {
  if (profile === undefined) return { profileType: node.seccompDefault ? 'RuntimeDefault' : 'Unconfined' };
  if (profile.type !== 'Localhost') return { profileType: profile.type };
  if (profile.localhostProfile === undefined || profile.localhostProfile === '')
    throw new ConfigurationError('localhostProfile must be set if seccompProfile type is Localhost.');
  return { profileType: 'Localhost', localhostRef: `${node.seccompFolder}/${profile.localhostProfile}` };
}

function appArmorProfile(profile: AppArmorProfile | undefined): SecurityProfile | undefined {
  if (profile === undefined) return undefined;
  return profile.type === 'Localhost'
    ? { profileType: 'Localhost', localhostRef: profile.localhostProfile ?? '' }
    : { profileType: profile.type };
}

function selinuxOptions(options: SELinuxOptions | undefined): SelinuxOptions | undefined {
  if (options === undefined) return undefined;
  const { user = '', role = '', type = '', level = '' } = options;
  return { user, role, type, level };
}

export function sandboxSecurityContext(
  pod: Pod,
  userNamespace: IdRange | undefined,
): PodSandboxConfig['linux']['securityContext'] {
  const security = pod.spec.securityContext;
  const selinux = selinuxOptions(security?.seLinuxOptions);
  return {
    namespaceOptions: namespaceOptions(pod, userNamespace),
    privileged: [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(
      (container) => container.securityContext?.privileged === true,
    ),
    ...(security?.runAsUser === undefined ? {} : { runAsUser: { value: security.runAsUser } }),
    // A group alone is refused by the runtime: it needs a user to go with.
    ...(security?.runAsGroup === undefined || security.runAsUser === undefined
      ? {}
      : { runAsGroup: { value: security.runAsGroup } }),
    ...supplementalGroups(pod),
    ...(selinux === undefined ? {} : { selinuxOptions: selinux }),
    // The pause process does nothing that the default profile forbids.
    seccomp: { profileType: 'RuntimeDefault' },
  };
}

/** The groups of the Pod's processes beside their own: those that it names, and the one that owns its volumes. */
function supplementalGroups(
  pod: Pod,
): Pick<ContainerSecurityContext, 'supplementalGroups' | 'supplementalGroupsPolicy'> {
  const security = pod.spec.securityContext;
  return {
    supplementalGroups: [
      ...(security?.supplementalGroups ?? []),
      ...(security?.fsGroup === undefined ? [] : [security.fsGroup]),
    ],
    ...(security?.supplementalGroupsPolicy === undefined
      ? {}
      : { supplementalGroupsPolicy: security.supplementalGroupsPolicy }),
  };
}

export interface SecurityInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly image: Pick<RuntimeImage, 'uid' | 'username'>;
  readonly node: NodeSecurity;
  readonly userNamespace: IdRange | undefined;
}

/** Throws {@link ConfigurationError} when the container must not run as root but would, or names no profile. */
export function containerSecurityContext(input: SecurityInput): ContainerSecurityContext {
  const { pod, container, node } = input;
  const ofPod = pod.spec.securityContext;
  const own = container.securityContext;
  const privileged = own?.privileged === true;
  verifyNonRoot(input);
  const unmasked = privileged || own?.procMount === 'Unmasked';
  const appArmor = appArmorProfile(own?.appArmorProfile ?? ofPod?.appArmorProfile);
  const selinux = selinuxOptions(own?.seLinuxOptions ?? ofPod?.seLinuxOptions);
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
    namespaceOptions: namespaceOptions(pod, input.userNamespace),
    ...userAndGroup(input),
    readonlyRootfs: own?.readOnlyRootFilesystem === true,
    ...supplementalGroups(pod),
    noNewPrivs: own?.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp: privileged
      ? { profileType: 'Unconfined' }
      : seccompProfile(own?.seccompProfile ?? ofPod?.seccompProfile, node),
    ...(appArmor === undefined ? {} : { apparmor: appArmor }),
    ...(selinux === undefined ? {} : { selinuxOptions: selinux }),
  };
}

function userAndGroup({
  pod,
  container,
  image,
}: SecurityInput): Pick<ContainerSecurityContext, 'runAsUser' | 'runAsUsername' | 'runAsGroup'> {
  const ofPod = pod.spec.securityContext;
  const own = container.securityContext;
  // An image that names no user runs as root.
  const ofImage = image.uid ?? (image.username === '' ? 0 : undefined);
  const user = own?.runAsUser ?? ofPod?.runAsUser ?? ofImage;
  const group = own?.runAsGroup ?? ofPod?.runAsGroup;
  return {
    ...(user === undefined ? { runAsUsername: image.username } : { runAsUser: { value: user } }),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
  };
}

/** `runAsNonRoot` is a check of what would run, not a setting: the texts are those that people search for. */
function verifyNonRoot({ pod, container, image }: SecurityInput): void {
  const ofPod = pod.spec.securityContext;
  const own = container.securityContext;
  if ((own?.runAsNonRoot ?? ofPod?.runAsNonRoot) !== true) return;
  const { name, namespace, uid } = pod.metadata;
  const where = `(pod: "${name}_${namespace}(${uid})", container: ${container.name})`;
  const user = own?.runAsUser ?? ofPod?.runAsUser;
  if (user === 0) throw new ConfigurationError(`container's runAsUser breaks non-root policy ${where}`);
  if (user !== undefined) return;
  if (image.uid === undefined && image.username !== '')
    throw new ConfigurationError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  if ((image.uid ?? 0) === 0)
    throw new ConfigurationError(`container has runAsNonRoot and image will run as root ${where}`);
}
