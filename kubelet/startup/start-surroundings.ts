/**
 * What of a start has to be looked up: which devices it is charged to, and which of its images are on the node. A single
 * start on an idle node does not wait for it.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { ContainerRuntime, RuntimeImage } from '../cri/runtime.js';
import { withDefaultTag } from '../images/image-name.js';
import type { BackingDevice } from './devices/backing-device.js';
import type { PodDevices } from './devices/devices-of-pod.js';

export interface Surroundings {
  readonly devices: readonly BackingDevice[];
  readonly areImagesPresent: boolean;
}

export interface StartSurroundings {
  /** The devices that every Pod is charged to: those of images, writable layers, folders and logs. */
  ofNode(): Promise<readonly BackingDevice[]>;
  /** Asks for images only when that matters: for the order of a queue, or for registries that count as a device. */
  of(pod: Pod, needsImages: boolean): Promise<Surroundings>;
}

export interface StartSurroundingsOptions {
  readonly devices: PodDevices;
  readonly runtime: Pick<ContainerRuntime, 'listImages'>;
  /** A registry is a device: what must be pulled says which ones a Pod is charged to. */
  readonly areRegistriesCharged: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Charged where no disk is known at all: then the node as a whole has slots. */
export const nodeAsDevice: BackingDevice = { key: 'node', about: 'this node', diskstats: [] };

/** A crowd of starts asks the runtime once. */
const imagesKnownMs = 10_000;

const podOfNothing: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: '', namespace: '', uid: '', resourceVersion: '', creationTimestamp: '' },
  spec: { containers: [] },
  status: {},
};

export function createStartSurroundings(options: StartSurroundingsOptions): StartSurroundings {
  const { devices, signal, runtime, areRegistriesCharged, clock, log } = options;
  let images: { readonly list: Promise<readonly RuntimeImage[]>; readonly untilMs: number } | undefined;
  const listImages = (): Promise<readonly RuntimeImage[]> => {
    if (images === undefined || images.untilMs < clock.monotonicMs())
      images = { list: runtime.listImages(), untilMs: clock.monotonicMs() + imagesKnownMs };
    return images.list;
  };
  return {
    ofNode: () => devices.devicesOfPod(podOfNothing, [], signal),
    of: async (pod, needsImages) => {
      if (!needsImages && !areRegistriesCharged)
        return { devices: await devices.devicesOfPod(pod, [], signal), areImagesPresent: true };
      const missing = await missingImages(pod, listImages).catch((error: unknown) => {
        log.warn('the runtime did not list its images: starts are ordered without', { err: error });
        return [];
      });
      return {
        devices: await devices.devicesOfPod(pod, missing, signal),
        areImagesPresent: missing.length === 0,
      };
    },
  };
}

async function missingImages(
  { spec }: Pod,
  listImages: () => Promise<readonly RuntimeImage[]>,
): Promise<readonly string[]> {
  const present = new Set(
    (await listImages()).flatMap(({ id, repoTags, repoDigests }) =>
      [id, ...repoTags, ...repoDigests].flatMap(namesOf),
    ),
  );
  const wanted = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ image }) => image ?? []);
  return [...new Set(wanted)].filter((image) => !present.has(withDefaultTag(image) ?? image));
}

/** `docker.io/library/nginx:1` is also meant by `library/nginx:1` and `nginx:1`. */
function namesOf(reference: string): readonly string[] {
  const short = ['docker.io/library/', 'docker.io/'].flatMap((prefix) =>
    reference.startsWith(prefix) ? [reference.slice(prefix.length)] : [],
  );
  return [reference, ...short];
}
