/**
 * The port to the container runtime: what the kubelet needs of CRI v1, in the kubelet's own terms.
 *
 * `GrpcRuntime` speaks to containerd or any other CRI runtime, `MemoryRuntime` keeps everything in this process;
 * both pass `test/contract/cri.ts`. Methods may be called concurrently, also for one pod. Each call has a deadline
 * of its own; an AbortSignal ends the wait earlier (the runtime may still finish the work). Every method rejects
 * with {@link CriError}. Stop and remove are idempotent: what is gone already is a success.
 *
 * Times are milliseconds since the epoch (0: never), sizes are bytes.
 */

export type CriErrorCode =
  | 'not-found'
  | 'already-exists'
  | 'invalid-argument'
  /** The runtime does not have this call (containerd before 1.7 and GetContainerEvents). */
  | 'unimplemented'
  | 'deadline-exceeded'
  | 'cancelled'
  /** The runtime cannot be reached. */
  | 'unavailable'
  | 'failed';

export class CriError extends Error {
  override readonly name = 'CriError';
  readonly code: CriErrorCode;

  constructor(code: CriErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}

export function isCriError(error: unknown, code?: CriErrorCode): error is CriError {
  return error instanceof CriError && (code === undefined || error.code === code);
}

export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

export interface NamespaceOptions {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  /** With pid `TARGET`: the container whose processes are seen. */
  readonly targetId?: string;
  /** Absent: the node's users. */
  readonly usernsOptions?: {
    readonly mode: NamespaceMode;
    readonly uids: readonly IdMapping[];
    readonly gids: readonly IdMapping[];
  };
}

/** Users (or groups) inside of a namespace and who they are on the node. */
export interface IdMapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

export interface SecurityProfile {
  readonly profileType: 'RuntimeDefault' | 'Unconfined' | 'Localhost';
  readonly localhostRef?: string;
}

export interface SelinuxOptions {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp?: string;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface Int64Value {
  readonly value: number;
}

/** What all containers of a pod share. Field names are those of the protocol, in camelCase. */
export interface PodSandboxConfig {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly attempt: number;
  };
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dnsConfig?: DnsConfig;
  readonly portMappings: readonly PortMapping[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: {
    readonly cgroupParent: string;
    readonly sysctls: Readonly<Record<string, string>>;
    readonly securityContext: {
      readonly namespaceOptions: NamespaceOptions;
      readonly privileged: boolean;
      readonly runAsUser?: Int64Value;
      readonly runAsGroup?: Int64Value;
      readonly supplementalGroups: readonly number[];
      /** Strict: not those that the image gives the user. Merge when absent. */
      readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
      readonly selinuxOptions?: SelinuxOptions;
      readonly seccomp: SecurityProfile;
    };
  };
}

export interface Mount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly propagation: 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL';
  /** How files' owners appear in a user namespace. */
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  /** With `readonly`: what is mounted below is read-only, too. */
  readonly recursiveReadOnly?: boolean;
  /** The files of this image instead of `hostPath`. */
  readonly image?: { readonly image: string };
  readonly imageSubPath?: string;
}

/** A device of the node in a container. */
export interface Device {
  readonly containerPath: string;
  readonly hostPath: string;
  /** `r` read, `w` write, `m` make the device file. */
  readonly permissions: 'r' | 'mrw';
}

export interface LinuxContainerResources {
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpuShares: number;
  readonly memoryLimitInBytes: number;
  readonly oomScoreAdj: number;
  /** Page sizes are written 2MB, 1GB. */
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** cgroup v2 only: raw controller files. */
  readonly unified: Readonly<Record<string, string>>;
}

export interface ContainerSecurityContext {
  readonly capabilities?: {
    readonly addCapabilities: readonly string[];
    readonly dropCapabilities: readonly string[];
  };
  readonly privileged: boolean;
  readonly namespaceOptions: NamespaceOptions;
  readonly runAsUser?: Int64Value;
  readonly runAsUsername?: string;
  readonly runAsGroup?: Int64Value;
  readonly readonlyRootfs: boolean;
  readonly supplementalGroups: readonly number[];
  /** Strict: not those that the image gives the user. Merge when absent. */
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
  readonly noNewPrivs: boolean;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly seccomp: SecurityProfile;
  readonly apparmor?: SecurityProfile;
  readonly selinuxOptions?: SelinuxOptions;
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string; readonly attempt: number };
  readonly image: { readonly image: string; readonly userSpecifiedImage?: string };
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Below the sandbox's logDirectory. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** Instead of the image's; runtimes before CRI v1.33 do not look at it. */
  readonly stopSignal?: string;
  readonly linux: {
    readonly resources: LinuxContainerResources;
    readonly securityContext: ContainerSecurityContext;
  };
}

export interface RuntimeVersion {
  /** `containerd`, `cri-o`, … */
  readonly runtimeName: string;
  readonly runtimeVersion: string;
}

export interface RuntimeCondition {
  /** `RuntimeReady`, `NetworkReady` and what else the runtime reports. */
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** What a runtime can do beyond the rest; older ones say nothing, and can do none of it. */
export interface RuntimeFeatures {
  /** `supplementalGroupsPolicy: Strict`. */
  readonly supplementalGroupsPolicy: boolean;
  /** The image that sandboxes are made of, where the runtime tells it. */
  readonly sandboxImage?: string | undefined;
  /** Ways to run containers, by the name that a RuntimeClass uses; the default one has the name ''. */
  readonly handlers: readonly {
    readonly name: string;
    readonly userNamespaces: boolean;
    readonly recursiveReadOnlyMounts: boolean;
  }[];
}

export type SandboxState = 'ready' | 'not-ready';

export interface Sandbox {
  readonly id: string;
  readonly metadata: PodSandboxConfig['metadata'];
  readonly state: SandboxState;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface SandboxStatus extends Sandbox {
  /** The pod's addresses, the first is the primary one; empty with the host's network. */
  readonly ips: readonly string[];
  readonly network: NamespaceMode;
}

export type ContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface RuntimeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly metadata: ContainerConfig['metadata'];
  readonly imageRef: string;
  /** The image's ID, where the runtime tells it beside the reference. */
  readonly imageId?: string;
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuntimeContainerStatus {
  readonly id: string;
  readonly metadata: ContainerConfig['metadata'];
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  /** 0 while it runs; never before `startedAtMs`. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** What the runtime was asked to run, as a name where it knows one. */
  readonly image: string;
  /** What it resolved to: a digest reference or an image ID. */
  readonly imageRef: string;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, … */
  readonly reason: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where in the container what is mounted below is read-only, too. */
  readonly recursiveReadOnlyPaths: readonly string[];
  /** Absolute path on the node. */
  readonly logPath: string;
}

export interface RuntimeImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** The numeric user that the image runs as, if it names one by number. */
  readonly uid?: number;
  /** The user that the image runs as, if it names one by name. */
  readonly username: string;
  /** The runtime itself needs it: it is never collected. */
  readonly pinned?: boolean;
}

/** What a filesystem holds of one kind of thing. */
export interface FilesystemUsage {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly usedInodes: number;
}

/** Where images and the writable layers of containers are; one list may be empty when both are in one place. */
export interface ImageFilesystems {
  readonly images: readonly FilesystemUsage[];
  readonly containers: readonly FilesystemUsage[];
}

/** Since its start for what only grows, now for the rest; undefined what the runtime does not tell. */
export interface RuntimeContainerStats {
  readonly id: string;
  readonly metadata: ContainerConfig['metadata'];
  readonly labels: Readonly<Record<string, string>>;
  readonly timestampMs: number;
  readonly cpuNanoseconds: number | undefined;
  readonly workingSetBytes: number | undefined;
  readonly usageBytes: number | undefined;
  readonly rssBytes: number | undefined;
  readonly pageFaults: number | undefined;
  readonly majorPageFaults: number | undefined;
  /** What the container wrote beside its volumes. */
  readonly writableLayer: FilesystemUsage | undefined;
}

export interface ImageAuth {
  readonly username: string;
  readonly password: string;
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface StreamOptions {
  readonly containerId: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface LabelFilter {
  /** Only what carries all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ContainerFilter extends LabelFilter {
  readonly sandboxId?: string;
}

/** Something about a pod changed; what it is now must be asked for. */
export interface RuntimeEvent {
  readonly podUid: string;
  readonly containerId: string;
  readonly type: 'created' | 'started' | 'stopped' | 'deleted';
}

export interface ContainerRuntime {
  version(signal?: AbortSignal): Promise<RuntimeVersion>;
  status(signal?: AbortSignal): Promise<readonly RuntimeCondition[]>;
  features(signal?: AbortSignal): Promise<RuntimeFeatures>;

  /** Creates and starts a sandbox, network included; answers its ID. */
  runPodSandbox(config: PodSandboxConfig, signal?: AbortSignal, runtimeHandler?: string): Promise<string>;
  /** Ends all containers of the sandbox and takes its network down. */
  stopPodSandbox(id: string, signal?: AbortSignal): Promise<void>;
  /** Removes the sandbox and its containers. */
  removePodSandbox(id: string, signal?: AbortSignal): Promise<void>;
  podSandboxStatus(id: string, signal?: AbortSignal): Promise<SandboxStatus>;
  listPodSandboxes(filter?: LabelFilter, signal?: AbortSignal): Promise<readonly Sandbox[]>;

  createContainer(
    sandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string>;
  startContainer(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * SIGTERM (or the image's stop signal, or the one given here), SIGKILL after `timeoutSeconds`; resolves when it has
   * ended.
   */
  stopContainer(id: string, timeoutSeconds: number, signal?: AbortSignal, stopSignal?: string): Promise<void>;
  removeContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** Other limits for a container that was made, also while it runs; 0 leaves a value as it is. */
  updateContainerResources(
    id: string,
    resources: LinuxContainerResources,
    signal?: AbortSignal,
  ): Promise<void>;
  listContainers(filter?: ContainerFilter, signal?: AbortSignal): Promise<readonly RuntimeContainer[]>;
  containerStatus(id: string, signal?: AbortSignal): Promise<RuntimeContainerStatus>;
  /** Of running containers. */
  listContainerStats(
    filter?: ContainerFilter,
    signal?: AbortSignal,
  ): Promise<readonly RuntimeContainerStats[]>;
  /** The log file was renamed: open it again under its path. */
  reopenContainerLog(id: string, signal?: AbortSignal): Promise<void>;

  /** Runs a command to its end. Rejects with `deadline-exceeded` after `timeoutSeconds` (0: no limit of its own). */
  execSync(
    containerId: string,
    command: readonly string[],
    timeoutSeconds: number,
    signal?: AbortSignal,
  ): Promise<ExecResult>;
  /** The URL at which the runtime waits for the client's upgrade (SPDY/3.1 or WebSocket). */
  exec(options: StreamOptions & { readonly command: readonly string[] }): Promise<string>;
  attach(options: StreamOptions): Promise<string>;
  portForward(sandboxId: string, ports: readonly number[]): Promise<string>;

  /** Events until the signal aborts. Throws `unimplemented` at once where the runtime has none. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  listImages(signal?: AbortSignal): Promise<readonly RuntimeImage[]>;
  /** Undefined when the image is not there. */
  imageStatus(image: string, signal?: AbortSignal): Promise<RuntimeImage | undefined>;
  /** Pulls and unpacks; answers the reference to give to createContainer. */
  pullImage(image: string, auth: ImageAuth | undefined, signal?: AbortSignal): Promise<string>;
  removeImage(image: string, signal?: AbortSignal): Promise<void>;
  imageFilesystems(signal?: AbortSignal): Promise<ImageFilesystems>;

  close(): void;
}
