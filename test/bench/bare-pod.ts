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
  const { runtime } = options;
  const sandbox = sandboxConfig(options);
  const startMs = performance.now();
  const id = await runtime.runPodSandbox(sandbox);
  try {
    const container = await runtime.createContainer(id, containerConfig(options), sandbox);
    await runtime.startContainer(container);
    return performance.now() - startMs;
  } finally {
    await runtime.stopPodSandbox(id);
    await runtime.removePodSandbox(id);
  }
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
