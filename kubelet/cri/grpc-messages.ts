/** From CRI messages as the loader decodes them (64-bit numbers as strings, nanoseconds) to the port's types. */
import { CriError } from './runtime.js';
import type * as cri from './runtime.js';

export type Message = Readonly<Record<string, unknown>>;

export function readObject(value: unknown): Message & Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    throw new CriError('failed', 'the runtime left out a message that CRI requires');
  }
  return value as Record<string, unknown>;
}

export function readList(value: unknown): readonly (Message & Record<string, unknown>)[] {
  return Array.isArray(value) ? value.map(readObject) : [];
}

export function readString(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function readStrings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(readString) : [];
}

function readMap(value: unknown): Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
}

/** Nanoseconds as a decimal string to milliseconds; the fraction below a millisecond is dropped. */
function readTime(value: unknown): number {
  const text = readString(value);
  return text.length <= 6 ? 0 : Number(text.slice(0, -6));
}

const containerStates: Readonly<Record<string, cri.ContainerState>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
};

function readContainerState(value: unknown): cri.ContainerState {
  return containerStates[readString(value)] ?? 'unknown';
}

export function readSandbox(message: Message): cri.Sandbox {
  const metadata = readObject(message['metadata']);
  return {
    id: readString(message['id']),
    metadata: {
      name: readString(metadata['name']),
      uid: readString(metadata['uid']),
      namespace: readString(metadata['namespace']),
      attempt: Number(metadata['attempt'] ?? 0),
    },
    state: message['state'] === 'SANDBOX_READY' ? 'ready' : 'not-ready',
    createdAtMs: readTime(message['createdAt']),
    labels: readMap(message['labels']),
    annotations: readMap(message['annotations']),
  };
}

export function readSandboxStatus(message: Message): cri.SandboxStatus {
  const network = message['network'] as Message | null | undefined;
  const first = readString(network?.['ip']);
  const more = readList(network?.['additionalIps']).map((address) => readString(address['ip']));
  const linux = message['linux'] as { namespaces?: { options?: { network?: unknown } } } | null | undefined;
  const mode = linux?.namespaces?.options?.network;
  return {
    ...readSandbox(message),
    ips: [first, ...more].filter((ip) => ip !== ''),
    network: mode === 'NODE' ? 'NODE' : 'POD',
  };
}

function readContainerMetadata(value: unknown): cri.ContainerConfig['metadata'] {
  const metadata = readObject(value);
  return { name: readString(metadata['name']), attempt: Number(metadata['attempt'] ?? 0) };
}

export function readContainer(message: Message): cri.RuntimeContainer {
  return {
    id: readString(message['id']),
    sandboxId: readString(message['podSandboxId']),
    metadata: readContainerMetadata(message['metadata']),
    imageRef: readString(message['imageRef']),
    imageId: readString(message['imageId']),
    state: readContainerState(message['state']),
    createdAtMs: readTime(message['createdAt']),
    labels: readMap(message['labels']),
    annotations: readMap(message['annotations']),
  };
}

export function readContainerStatus(message: Message): cri.RuntimeContainerStatus {
  const image = message['image'] as Message | null | undefined;
  const startedAtMs = readTime(message['startedAt']);
  // containerd takes the start's time when its call returns: a program may have ended by then, seemingly before it began.
  const finishedAtMs = readTime(message['finishedAt']);
  return {
    id: readString(message['id']),
    metadata: readContainerMetadata(message['metadata']),
    state: readContainerState(message['state']),
    createdAtMs: readTime(message['createdAt']),
    startedAtMs,
    finishedAtMs: finishedAtMs === 0 ? 0 : Math.max(finishedAtMs, startedAtMs),
    exitCode: Number(message['exitCode'] ?? 0),
    image: readString(image?.['image']),
    imageRef: readString(message['imageRef']),
    reason: readString(message['reason']),
    message: readString(message['message']),
    labels: readMap(message['labels']),
    annotations: readMap(message['annotations']),
    recursiveReadOnlyPaths: readList(message['mounts'])
      .filter((mount) => mount['recursiveReadOnly'] === true)
      .map((mount) => readString(mount['containerPath'])),
    logPath: readString(message['logPath']),
  };
}

export function readImage(message: Message): cri.RuntimeImage {
  const uid = message['uid'] as Message | null | undefined;
  return {
    id: readString(message['id']),
    repoTags: readStrings(message['repoTags']),
    repoDigests: readStrings(message['repoDigests']),
    sizeBytes: Number(message['size'] ?? 0),
    ...(uid === null || uid === undefined ? {} : { uid: Number(uid['value'] ?? 0) }),
    username: readString(message['username']),
    pinned: message['pinned'] === true,
  };
}

/** containerd tells its configuration to whoever asks for details; other runtimes need not. */
function readSandboxImage(config: string | undefined): string | undefined {
  if (config === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(config);
  } catch {
    // Details are for people: a runtime may write them as it likes.
    return undefined;
  }
  const image = (parsed as { readonly sandboxImage?: unknown } | null)?.sandboxImage;
  return typeof image === 'string' && image !== '' ? image : undefined;
}

export function readFeatures(message: Message): cri.RuntimeFeatures {
  const features = message['features'] as Message | null | undefined;
  return {
    supplementalGroupsPolicy: features?.['supplementalGroupsPolicy'] === true,
    sandboxImage: readSandboxImage(readMap(message['info'])['config']),
    handlers: readList(message['runtimeHandlers']).map((handler) => {
      const can = handler['features'] as Message | null | undefined;
      return {
        name: readString(handler['name']),
        userNamespaces: can?.['userNamespaces'] === true,
        recursiveReadOnlyMounts: can?.['recursiveReadOnlyMounts'] === true,
      };
    }),
  };
}

export function readFilesystemUsage(message: Message): cri.FilesystemUsage {
  const id = message['fsId'] as Message | null | undefined;
  return {
    mountpoint: readString(id?.['mountpoint']),
    usedBytes: readUnsigned(message['usedBytes']) ?? 0,
    usedInodes: readUnsigned(message['inodesUsed']) ?? 0,
  };
}

/** A number in a message of its own: absent is not zero. */
function readUnsigned(value: unknown): number | undefined {
  const message = value as Message | null | undefined;
  return message === null || message === undefined ? undefined : Number(message['value'] ?? 0);
}

export function readContainerStats(message: Message): cri.RuntimeContainerStats {
  const attributes = readObject(message['attributes']);
  const cpu = message['cpu'] as Message | null | undefined;
  const memory = message['memory'] as Message | null | undefined;
  const layer = message['writableLayer'] as Message | null | undefined;
  return {
    id: readString(attributes['id']),
    metadata: readContainerMetadata(attributes['metadata']),
    labels: readMap(attributes['labels']),
    timestampMs: readTime(cpu?.['timestamp']),
    cpuNanoseconds: readUnsigned(cpu?.['usageCoreNanoSeconds']),
    workingSetBytes: readUnsigned(memory?.['workingSetBytes']),
    usageBytes: readUnsigned(memory?.['usageBytes']),
    rssBytes: readUnsigned(memory?.['rssBytes']),
    pageFaults: readUnsigned(memory?.['pageFaults']),
    majorPageFaults: readUnsigned(memory?.['majorPageFaults']),
    writableLayer: layer === null || layer === undefined ? undefined : readFilesystemUsage(layer),
  };
}

const eventTypes: Readonly<Record<string, cri.RuntimeEvent['type']>> = {
  CONTAINER_CREATED_EVENT: 'created',
  CONTAINER_STARTED_EVENT: 'started',
  CONTAINER_STOPPED_EVENT: 'stopped',
  CONTAINER_DELETED_EVENT: 'deleted',
};

export function readEvent(message: Message): cri.RuntimeEvent {
  const sandbox = message['podSandboxStatus'] as Message | null | undefined;
  const metadata = sandbox?.['metadata'] as Message | null | undefined;
  return {
    podUid: readString(metadata?.['uid']),
    containerId: readString(message['containerId']),
    type: eventTypes[readString(message['containerEventType'])] ?? 'created',
  };
}
