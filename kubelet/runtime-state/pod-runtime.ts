/** What the runtime knows of one pod: plain data, the input of every decision. */
import type { ContainerState, NamespaceMode, SandboxState } from '../cri/runtime.js';

export interface SandboxRuntime {
  readonly id: string;
  readonly state: SandboxState;
  readonly attempt: number;
  readonly createdAtMs: number;
  readonly ips: readonly string[];
  readonly network: NamespaceMode;
}

export interface ContainerRuntimeState {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  /** How often a container of this name had been started before. */
  readonly attempt: number;
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  /** What the container said at its end, or the runtime's own message. */
  readonly message: string;
  readonly image: string;
  readonly imageRef: string;
  /** {@link containerHash} of the definition that it was made from. */
  readonly hash: string;
  readonly logPath: string;
  /** Where what is mounted below is read-only, too; nowhere when absent. */
  readonly recursiveReadOnlyPaths?: readonly string[];
}

export interface PodRuntime {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Newest first. */
  readonly sandboxes: readonly SandboxRuntime[];
  /** Newest first, of all sandboxes. */
  readonly containers: readonly ContainerRuntimeState[];
}

export function emptyPodRuntime(uid: string, namespace: string, name: string): PodRuntime {
  return { uid, namespace, name, sandboxes: [], containers: [] };
}

/** The newest container of a name, in any sandbox. */
export function latestContainer(runtime: PodRuntime, name: string): ContainerRuntimeState | undefined {
  return runtime.containers.find((container) => container.name === name);
}

/** The sandbox in which the pod lives, if it is usable. */
export function readySandbox(runtime: PodRuntime): SandboxRuntime | undefined {
  const newest = runtime.sandboxes[0];
  return newest?.state === 'ready' ? newest : undefined;
}
