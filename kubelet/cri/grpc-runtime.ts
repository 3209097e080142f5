/**
 * The CRI over gRPC: one channel on a Unix socket, a deadline for each call, errors as {@link CriError}.
 *
 * Deadlines follow what a call does: inspection 10 s, creation 4 minutes (a slow disk makes it wait), stopping the
 * grace period plus 2 minutes, pulls none (the caller's signal ends them).
 */
import { Metadata, credentials, status as grpcStatus } from '@grpc/grpc-js';
import type { Client, ServiceError } from '@grpc/grpc-js';
import { loadProto, serviceIn } from '../../proto/load.js';
import { sleep, systemClock } from '../../common/clock.js';
import { containerdExits } from './containerd-exits.js';
import { CriError } from './runtime.js';
import type * as cri from './runtime.js';
import {
  readContainer,
  readContainerStats,
  readContainerStatus,
  readEvent,
  readFeatures,
  readFilesystemUsage,
  readImage,
  readList,
  readObject,
  readSandbox,
  readSandboxStatus,
  readString,
} from './grpc-messages.js';
import { signalNumber } from './signal-number.js';

/** Deadlines in milliseconds, by what the call does. */
const deadlines = { inspect: 10_000, create: 240_000, stop: 120_000 } as const;

/** An end that the CRI does not know of after this time is told all the same. */
const untilCriKnowsMs = 2000;

type Reply = Record<string, unknown>;

export class GrpcRuntime implements cri.ContainerRuntime {
  readonly #runtime: Client;
  readonly #images: Client;
  readonly #paths = new Map<string, MethodOf>();
  readonly #endpoint: string;

  /** `endpoint` is a gRPC target, `unix:///run/containerd/containerd.sock`. Connects at the first call. */
  constructor(endpoint: string) {
    this.#endpoint = endpoint;
    const root = loadProto('cri/v1/api.proto');
    const options = {
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
      // A local socket: try again soon while the runtime restarts.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.min_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 1000,
    };
    const runtimeService = serviceIn(root, 'runtime.v1.RuntimeService');
    const imageService = serviceIn(root, 'runtime.v1.ImageService');
    this.#runtime = new runtimeService(endpoint, credentials.createInsecure(), options);
    this.#images = new imageService(endpoint, credentials.createInsecure(), options);
    for (const [client, service] of [
      [this.#runtime, runtimeService.service],
      [this.#images, imageService.service],
    ] as const) {
      for (const [name, method] of Object.entries(service)) this.#paths.set(name, { client, ...method });
    }
  }

  async version(signal?: AbortSignal): Promise<cri.RuntimeVersion> {
    const reply = await this.#call('Version', { version: 'v1' }, deadlines.inspect, signal);
    return {
      runtimeName: readString(reply['runtimeName']),
      runtimeVersion: readString(reply['runtimeVersion']),
    };
  }

  async status(signal?: AbortSignal): Promise<readonly cri.RuntimeCondition[]> {
    const reply = await this.#call('Status', { verbose: false }, deadlines.inspect, signal);
    return readList(readObject(reply['status'])['conditions']).map((condition) => ({
      type: readString(condition['type']),
      status: condition['status'] === true,
      reason: readString(condition['reason']),
      message: readString(condition['message']),
    }));
  }

  async features(signal?: AbortSignal): Promise<cri.RuntimeFeatures> {
    return readFeatures(await this.#call('Status', { verbose: true }, deadlines.inspect, signal));
  }

  async runPodSandbox(
    config: cri.PodSandboxConfig,
    signal?: AbortSignal,
    runtimeHandler = '',
  ): Promise<string> {
    const reply = await this.#call('RunPodSandbox', { config, runtimeHandler }, deadlines.create, signal);
    return readString(reply['podSandboxId']);
  }

  async stopPodSandbox(id: string, signal?: AbortSignal): Promise<void> {
    await this.#callIfThere('StopPodSandbox', { podSandboxId: id }, deadlines.stop, signal);
  }

  async removePodSandbox(id: string, signal?: AbortSignal): Promise<void> {
    await this.#callIfThere('RemovePodSandbox', { podSandboxId: id }, deadlines.stop, signal);
  }

  async podSandboxStatus(id: string, signal?: AbortSignal): Promise<cri.SandboxStatus> {
    const reply = await this.#call('PodSandboxStatus', { podSandboxId: id }, deadlines.inspect, signal);
    return readSandboxStatus(readObject(reply['status']));
  }

  async listPodSandboxes(
    filter: cri.LabelFilter = {},
    signal?: AbortSignal,
  ): Promise<readonly cri.Sandbox[]> {
    const request = filter.labels === undefined ? {} : { filter: { labelSelector: filter.labels } };
    const reply = await this.#call('ListPodSandbox', request, deadlines.inspect, signal);
    return readList(reply['items']).map(readSandbox);
  }

  async createContainer(
    sandboxId: string,
    config: cri.ContainerConfig,
    sandboxConfig: cri.PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string> {
    // A value is bytes on the wire, since a variable need not be valid UTF-8.
    const envs = config.envs.map(({ key, value }) => ({ key, value: Buffer.from(value) }));
    const request = { podSandboxId: sandboxId, config: { ...config, envs }, sandboxConfig };
    const reply = await this.#call('CreateContainer', request, deadlines.create, signal);
    return readString(reply['containerId']);
  }

  async startContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#call('StartContainer', { containerId: id }, deadlines.create, signal);
  }

  async stopContainer(
    id: string,
    timeoutSeconds: number,
    signal?: AbortSignal,
    stopSignal?: string,
  ): Promise<void> {
    let left = timeoutSeconds;
    if (stopSignal !== undefined && left > 0 && (await this.#sendItself(id, stopSignal, signal))) {
      const endMs = performance.now() + left * 1000;
      while (performance.now() < endMs && signal?.aborted !== true && (await this.#isRunning(id, signal)))
        await sleep(systemClock, 100, signal);
      left = 0;
    }
    const request = { containerId: id, timeout: Math.max(0, Math.round(left)) };
    await this.#callIfThere('StopContainer', request, left * 1000 + deadlines.stop, signal);
  }

  async removeContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#callIfThere('RemoveContainer', { containerId: id }, deadlines.stop, signal);
  }

  async updateContainerResources(
    id: string,
    resources: cri.LinuxContainerResources,
    signal?: AbortSignal,
  ): Promise<void> {
    const request = { containerId: id, linux: resources };
    await this.#call('UpdateContainerResources', request, deadlines.inspect, signal);
  }

  async listContainers(
    filter: cri.ContainerFilter = {},
    signal?: AbortSignal,
  ): Promise<readonly cri.RuntimeContainer[]> {
    const wanted = {
      ...(filter.labels === undefined ? {} : { labelSelector: filter.labels }),
      ...(filter.sandboxId === undefined ? {} : { podSandboxId: filter.sandboxId }),
    };
    const reply = await this.#call('ListContainers', { filter: wanted }, deadlines.inspect, signal);
    return readList(reply['containers']).map(readContainer);
  }

  async containerStatus(id: string, signal?: AbortSignal): Promise<cri.RuntimeContainerStatus> {
    const reply = await this.#call('ContainerStatus', { containerId: id }, deadlines.inspect, signal);
    return readContainerStatus(readObject(reply['status']));
  }

  async listContainerStats(
    filter: cri.ContainerFilter = {},
    signal?: AbortSignal,
  ): Promise<readonly cri.RuntimeContainerStats[]> {
    const wanted = {
      ...(filter.labels === undefined ? {} : { labelSelector: filter.labels }),
      ...(filter.sandboxId === undefined ? {} : { podSandboxId: filter.sandboxId }),
    };
    const reply = await this.#call('ListContainerStats', { filter: wanted }, deadlines.inspect, signal);
    return readList(reply['stats']).map(readContainerStats);
  }

  async reopenContainerLog(id: string, signal?: AbortSignal): Promise<void> {
    await this.#call('ReopenContainerLog', { containerId: id }, deadlines.inspect, signal);
  }

  async execSync(
    containerId: string,
    command: readonly string[],
    timeoutSeconds: number,
    signal?: AbortSignal,
  ): Promise<cri.ExecResult> {
    const request = { containerId, cmd: command, timeout: timeoutSeconds };
    // The runtime keeps the time; ours is the net below it.
    const deadlineMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 + 5000 : undefined;
    const reply = await this.#call('ExecSync', request, deadlineMs, signal);
    return {
      stdout: readText(reply['stdout']),
      stderr: readText(reply['stderr']),
      exitCode: Number(reply['exitCode'] ?? 0),
    };
  }

  async exec(options: cri.StreamOptions & { readonly command: readonly string[] }): Promise<string> {
    const { command, ...stream } = options;
    const reply = await this.#call('Exec', { ...stream, cmd: command }, deadlines.inspect, undefined);
    return readString(reply['url']);
  }

  async attach(options: cri.StreamOptions): Promise<string> {
    return readString((await this.#call('Attach', options, deadlines.inspect, undefined))['url']);
  }

  async portForward(sandboxId: string, ports: readonly number[]): Promise<string> {
    const request = { podSandboxId: sandboxId, port: ports };
    return readString((await this.#call('PortForward', request, deadlines.inspect, undefined))['url']);
  }

  async *events(signal: AbortSignal): AsyncIterable<cri.RuntimeEvent> {
    try {
      yield* this.#criEvents(signal);
    } catch (error) {
      if (!(error instanceof CriError && error.code === 'unimplemented')) throw error;
      yield* this.#exits(signal);
    }
  }

  /** For runtimes without events in the CRI; containerd has others. */
  async *#exits(signal: AbortSignal): AsyncIterable<cri.RuntimeEvent> {
    try {
      for await (const containerId of containerdExits(this.#endpoint, signal)) {
        const podUid = await this.#podOfEnded(containerId, signal);
        yield { podUid, containerId, type: 'stopped' };
      }
    } catch (error) {
      throw error instanceof CriError ? error : toCriError('Subscribe', error);
    }
  }

  /**
   * The pod of a container or sandbox that has ended, once the CRI says so, too: it hears of it at the same time. Empty
   * when nothing is left of it.
   */
  async #podOfEnded(id: string, signal: AbortSignal): Promise<string> {
    const request = { filter: { id } };
    const endMs = performance.now() + untilCriKnowsMs;
    for (;;) {
      const reply = await this.#call('ListContainers', request, deadlines.inspect, signal);
      const [container] = readList(reply['containers']).map(readContainer);
      const sandbox = await this.#sandboxUnlessGone(container?.sandboxId ?? id, signal);
      const isAlive = container === undefined ? sandbox?.state === 'ready' : container.state === 'running';
      if (!isAlive || performance.now() > endMs) return sandbox?.metadata.uid ?? '';
      await sleep(systemClock, 10, signal);
    }
  }

  async #sandboxUnlessGone(id: string, signal: AbortSignal): Promise<cri.SandboxStatus | undefined> {
    try {
      return await this.podSandboxStatus(id, signal);
    } catch (error) {
      if (error instanceof CriError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async *#criEvents(signal: AbortSignal): AsyncIterable<cri.RuntimeEvent> {
    const method = this.#method('GetContainerEvents');
    const stream = method.client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      {},
    );
    const cancel = (): void => {
      stream.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of stream) yield readEvent(readObject(message));
    } catch (error) {
      if (!signal.aborted) throw toCriError('GetContainerEvents', error);
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  async listImages(signal?: AbortSignal): Promise<readonly cri.RuntimeImage[]> {
    return readList((await this.#call('ListImages', {}, deadlines.inspect, signal))['images']).map(readImage);
  }

  async imageStatus(image: string, signal?: AbortSignal): Promise<cri.RuntimeImage | undefined> {
    const reply = await this.#call('ImageStatus', { image: { image } }, deadlines.inspect, signal);
    const found = reply['image'];
    return found === null || found === undefined ? undefined : readImage(readObject(found));
  }

  async pullImage(image: string, auth: cri.ImageAuth | undefined, signal?: AbortSignal): Promise<string> {
    const request = { image: { image }, ...(auth === undefined ? {} : { auth }) };
    return readString((await this.#call('PullImage', request, undefined, signal))['imageRef']);
  }

  async removeImage(image: string, signal?: AbortSignal): Promise<void> {
    await this.#callIfThere('RemoveImage', { image: { image } }, deadlines.stop, signal);
  }

  async imageFilesystems(signal?: AbortSignal): Promise<cri.ImageFilesystems> {
    const reply = await this.#call('ImageFsInfo', {}, deadlines.inspect, signal);
    return {
      images: readList(reply['imageFilesystems']).map(readFilesystemUsage),
      containers: readList(reply['containerFilesystems']).map(readFilesystemUsage),
    };
  }

  close(): void {
    this.#runtime.close();
    this.#images.close();
  }

  /**
   * Sends a stop signal that the runtime does not know of (containerd before 2.2 sends the image's, whatever it was
   * told). True when the container's process has it; false when the runtime sends it by itself.
   */
  async #sendItself(id: string, stopSignal: string, signal?: AbortSignal): Promise<boolean> {
    const request = { containerId: id, verbose: true };
    try {
      const { status, info } = await this.#call('ContainerStatus', request, deadlines.inspect, signal);
      if (readObject(status)['stopSignal'] === stopSignal) return false;
      const details: unknown = JSON.parse(readString(readObject(info)['info']));
      const pid = readObject(details)['pid'];
      const number = signalNumber(stopSignal);
      if (typeof pid !== 'number' || pid <= 1 || number === undefined) return false;
      process.kill(pid, number);
      return true;
    } catch (error) {
      // It has ended meanwhile: the runtime's own answer to the stop says so, too.
      if (error instanceof CriError && error.code === 'not-found') return false;
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    }
  }

  async #isRunning(id: string, signal?: AbortSignal): Promise<boolean> {
    try {
      return (await this.containerStatus(id, signal)).state === 'running';
    } catch (error) {
      if (error instanceof CriError && error.code === 'not-found') return false;
      throw error;
    }
  }

  #method(name: string): MethodOf {
    const method = this.#paths.get(name);
    if (method === undefined) throw new CriError('unimplemented', `the CRI description has no call ${name}`);
    return method;
  }

  /** For calls where "it is not there" is the outcome that was asked for. */
  async #callIfThere(
    name: string,
    request: object,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await this.#call(name, request, deadlineMs, signal);
    } catch (error) {
      if (!(error instanceof CriError && error.code === 'not-found')) throw error;
    }
  }

  #call(
    name: string,
    request: object,
    deadlineMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    const method = this.#method(name);
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new CriError('cancelled', `${name} was cancelled before it began`));
        return;
      }
      const call = method.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
        (error, reply) => {
          signal?.removeEventListener('abort', cancel);
          if (error === null) resolve(readObject(reply));
          else reject(toCriError(name, error));
        },
      );
      const cancel = (): void => {
        call.cancel();
      };
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }
}

interface MethodOf {
  readonly client: Client;
  readonly path: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

const codes: Readonly<Partial<Record<number, cri.CriErrorCode>>> = {
  [grpcStatus.NOT_FOUND]: 'not-found',
  [grpcStatus.ALREADY_EXISTS]: 'already-exists',
  [grpcStatus.INVALID_ARGUMENT]: 'invalid-argument',
  [grpcStatus.UNIMPLEMENTED]: 'unimplemented',
  [grpcStatus.DEADLINE_EXCEEDED]: 'deadline-exceeded',
  [grpcStatus.CANCELLED]: 'cancelled',
  [grpcStatus.UNAVAILABLE]: 'unavailable',
};

function toCriError(call: string, error: unknown): CriError {
  const { code, details } = error as Partial<ServiceError>;
  const text = details ?? (error instanceof Error ? error.message : String(error));
  return new CriError(codes[code ?? -1] ?? 'failed', text === '' ? `${call} failed` : text, { cause: error });
}

function readText(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : readString(value);
}
