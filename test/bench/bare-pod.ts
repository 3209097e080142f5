/** A pod made by the three bare CRI calls: what no orchestrator can beat. */
import type { ContainerConfig, ContainerRuntime, PodSandboxConfig } from '../../kubelet/cri/runtime.js';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const seccomp = { profileType: 'RuntimeDefault' } as const;

export interface BarePodOptions {
  readonly runtime: ContainerRuntime;
  readonly image: string;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly number: number;
}

/** Makes the pod, removes it again, and returns the milliseconds until its container had started. */
export async function timeBarePod(options: BarePodOptions): Promise<number> {
  const startMs = performance.now();
  const id = await startBarePod(options);
  const elapsedMs = performance.now() - startMs;
  await removeBarePod(options.runtime, id);
  return elapsedMs;
}

/** The three calls. Returns the id of the sandbox; nothing is left of a pod that could not be made. */
export async function startBarePod(options: BarePodOptions): Promise<string> {
  const { runtime } = options;
  const sandbox = sandboxConfig(options);
  const id = await runtime.runPodSandbox(sandbox);
  try {
    const container = await runtime.createContainer(id, containerConfig(options), sandbox);
    await runtime.startContainer(container);
    return id;
  } catch (error) {
    await removeBarePod(runtime, id);
    throw error;
  }
}

export async function removeBarePod(runtime: ContainerRuntime, sandbox: string): Promise<void> {
  await runtime.stopPodSandbox(sandbox);
  await runtime.removePodSandbox(sandbox);
}

function sandboxConfig({ number, logDirectory, cgroupParent }: BarePodOptions): PodSandboxConfig {
  return {
    metadata: { name: `bare-${number}`, namespace: 'bench', uid: `bench-bare-${number}`, attempt: 0 },
    hostname: `bare-${number}`,
    logDirectory: `${logDirectory}/bare-${number}`,
    portMappings: [],
    labels: {},
    annotations: {},
    linux: {
      cgroupParent,
      sysctls: {},
      securityContext: { namespaceOptions, privileged: false, supplementalGroups: [], seccomp },
    },
  };
}

function containerConfig({ image }: BarePodOptions): ContainerConfig {
  return {
    metadata: { name: 'web', attempt: 0 },
    image: { image },
    command: [],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: 'web.log',
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: {
      resources: {
        cpuPeriod: 0,
        cpuQuota: 0,
        cpuShares: 2,
        memoryLimitInBytes: 0,
        oomScoreAdj: 1000,
        unified: {},
      },
      securityContext: {
        privileged: false,
        namespaceOptions,
        readonlyRootfs: false,
        supplementalGroups: [],
        noNewPrivs: false,
        maskedPaths: [],
        readonlyPaths: [],
        seccomp,
      },
    },
  };
}
