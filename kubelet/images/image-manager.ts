/**
 * Makes sure that a container's image is there, by its pull policy.
 *
 * Pulls of one image are shared by all Pods that wait for it, and only a few images are pulled at a time. A failed
 * pull is not repeated before its backoff is over (10 s, doubled up to 5 minutes, per Pod and image). What is present
 * is remembered for a short time, so that a storm of starts does not ask for each container.
 */
import type { Container, Pod, Secret } from '../../api/generated/core-v1.js';
import type { EventRecorder } from '../../client/types.js';
import { backoffDelayMs } from '../../common/backoff.js';
import type { Clock } from '../../common/clock.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { KubeletMetrics } from '../kubelet-metrics.js';
import { isCriError } from '../cri/runtime.js';
import { unlessAborted } from '../sync/unless-aborted.js';
import type { ContainerRuntime, ImageAuth, RuntimeImage } from '../cri/runtime.js';
import { ImageError } from './image-error.js';
import { defaultPullPolicy, withDefaultTag } from './image-name.js';
import { pullCredentials } from './pull-credentials.js';

export interface ImageManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  /** Aborts pulls under way when the kubelet stops. */
  readonly signal: AbortSignal;
  readonly maxParallelPulls: number;
  readonly metrics: Pick<KubeletMetrics, 'imagePulled'>;
  /** A Secret of the Pod's namespace; undefined when there is none. */
  readonly secret: (pod: Pod, name: string) => Promise<Secret | undefined>;
}

/** How many images may be pulled at a time. */
export function parallelPulls({ serializeImagePulls, maxParallelImagePulls }: KubeletConfiguration): number {
  return serializeImagePulls ? 1 : (maxParallelImagePulls ?? Infinity);
}

/** How long an image that was seen is believed to be there, in milliseconds. */
const presenceTtlMs = 30_000;
const pullBackoff = { initialMs: 10_000, maxMs: 300_000 };

export class ImageManager {
  readonly #options: ImageManagerOptions;
  readonly #present = new Map<string, { readonly image: RuntimeImage; readonly untilMs: number }>();
  readonly #pulls = new Map<string, Promise<RuntimeImage>>();
  readonly #failures = new Map<
    string,
    { readonly count: number; readonly retryAtMs: number; readonly why: string }
  >();
  /** By the Pod's uid: when its first pull began and its last one ended. */
  readonly #pullTimes = new Map<string, { readonly beganMs: number; readonly endedMs: number }>();
  readonly #waiters: (() => void)[] = [];
  #pulling = 0;

  constructor(options: ImageManagerOptions) {
    this.#options = options;
  }

  /** The image to create the container from. Rejects with {@link ImageError}, or CriError when the runtime fails. */
  async ensure(pod: Pod, container: Container, signal: AbortSignal): Promise<RuntimeImage> {
    const wanted = container.image ?? '';
    const name = withDefaultTag(wanted);
    if (name === undefined) {
      const message = `Failed to apply default image tag "${wanted}": couldn't parse image name "${wanted}": invalid reference format`;
      this.#event(pod, 'Warning', 'InspectFailed', message);
      throw new ImageError('InvalidImageName', message);
    }
    const policy = container.imagePullPolicy ?? defaultPullPolicy(wanted);
    const present = policy === 'Always' ? undefined : await this.#lookUp(name, signal);
    if (present !== undefined) {
      this.#event(pod, 'Normal', 'Pulled', `Container image "${wanted}" already present on machine`);
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${wanted}" is not present with pull policy of Never`;
      this.#event(pod, 'Warning', 'ErrImageNeverPull', message);
      throw new ImageError('ErrImageNeverPull', message);
    }
    return this.#pullForPod(pod, wanted, name, signal);
  }

  /** The runtime said that the image is not there after all. */
  forget(image: string): void {
    this.#present.delete(withDefaultTag(image) ?? image);
  }

  /** Drops what is remembered for a Pod that is gone. */
  forgetPod(uid: string): void {
    for (const key of this.#failures.keys()) if (key.startsWith(`${uid} `)) this.#failures.delete(key);
    this.#pullTimes.delete(uid);
  }

  /** How long this Pod waited for its images to be pulled, in milliseconds. */
  pullMs(uid: string): number {
    const times = this.#pullTimes.get(uid);
    return times === undefined ? 0 : times.endedMs - times.beganMs;
  }

  async #lookUp(name: string, signal: AbortSignal): Promise<RuntimeImage | undefined> {
    const { clock, runtime } = this.#options;
    const known = this.#present.get(name);
    if (known !== undefined && known.untilMs > clock.monotonicMs()) return known.image;
    const image = await runtime.imageStatus(name, signal);
    if (image === undefined) this.#present.delete(name);
    else this.#remember(name, image);
    return image;
  }

  #remember(name: string, image: RuntimeImage): void {
    this.#present.set(name, { image, untilMs: this.#options.clock.monotonicMs() + presenceTtlMs });
  }

  async #pullForPod(pod: Pod, wanted: string, name: string, signal: AbortSignal): Promise<RuntimeImage> {
    const { clock } = this.#options;
    const key = `${pod.metadata.uid} ${name}`;
    const failure = this.#failures.get(key);
    if (failure !== undefined && clock.now() < failure.retryAtMs) {
      const message = `Back-off pulling image "${wanted}": ${failure.why}`;
      this.#event(pod, 'Normal', 'BackOff', `Back-off pulling image "${wanted}"`);
      this.#event(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff');
      throw new ImageError('ImagePullBackOff', message, { retryAtMs: failure.retryAtMs });
    }
    this.#event(pod, 'Normal', 'Pulling', `Pulling image "${wanted}"`);
    const began = clock.monotonicMs();
    try {
      const image = await unlessAborted(this.#pullWithSecrets(pod, name), signal);
      this.#failures.delete(key);
      const beganMs = this.#pullTimes.get(pod.metadata.uid)?.beganMs ?? began;
      this.#pullTimes.set(pod.metadata.uid, { beganMs, endedMs: clock.monotonicMs() });
      const seconds = ((clock.monotonicMs() - began) / 1000).toFixed(3);
      const text = `Successfully pulled image "${wanted}" in ${seconds}s. Image size: ${image.sizeBytes} bytes.`;
      this.#event(pod, 'Normal', 'Pulled', text);
      return image;
    } catch (error) {
      if (signal.aborted || !(error instanceof Error)) throw error;
      const count = failure?.count ?? 0;
      const retryAtMs = clock.now() + backoffDelayMs(count, pullBackoff);
      this.#failures.set(key, { count: count + 1, retryAtMs, why: `ErrImagePull: ${error.message}` });
      this.#event(pod, 'Warning', 'Failed', `Failed to pull image "${wanted}": ${error.message}`);
      this.#event(pod, 'Warning', 'Failed', 'Error: ErrImagePull');
      // Soon afterwards the Pod is looked at again, and then shows that it backs off.
      throw new ImageError('ErrImagePull', error.message, { retryAtMs: clock.now() + 2000, cause: error });
    }
  }

  /** Each credential that fits is tried, the most special one first; without any the registry is asked as anybody. */
  async #pullWithSecrets(pod: Pod, name: string): Promise<RuntimeImage> {
    const credentials = pullCredentials(name, await this.#secretsOf(pod));
    let refusal: unknown;
    for (const auth of credentials.length === 0 ? [undefined] : credentials) {
      try {
        return await this.#sharedPull(name, auth);
      } catch (error) {
        refusal = error;
      }
    }
    throw refusal;
  }

  async #secretsOf(pod: Pod): Promise<readonly Secret[]> {
    const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
    const found = await Promise.all(names.map((name) => this.#options.secret(pod, name)));
    const missing = names.filter((_, index) => found[index] === undefined);
    if (missing.length > 0)
      this.#event(
        pod,
        'Warning',
        'FailedToRetrieveImagePullSecret',
        `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`,
      );
    return found.filter((secret) => secret !== undefined);
  }

  /** Pulls with the same credentials are one; nobody gets an image by what another Pod may do. */
  #sharedPull(name: string, auth: ImageAuth | undefined): Promise<RuntimeImage> {
    const key = JSON.stringify([name, auth]);
    const running = this.#pulls.get(key);
    if (running !== undefined) return running;
    const pull = this.#pull(name, auth).finally(() => {
      this.#pulls.delete(key);
    });
    this.#pulls.set(key, pull);
    return pull;
  }

  async #pull(name: string, auth: ImageAuth | undefined): Promise<RuntimeImage> {
    const { runtime, signal, clock, metrics, maxParallelPulls } = this.#options;
    while (this.#pulling >= maxParallelPulls) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    this.#pulling++;
    const beganMs = clock.monotonicMs();
    try {
      const reference = await runtime.pullImage(name, auth, signal);
      const image = (await runtime.imageStatus(name, signal)) ?? {
        id: reference,
        repoTags: [name],
        repoDigests: [],
        sizeBytes: 0,
        username: '',
      };
      metrics.imagePulled(image.sizeBytes, (clock.monotonicMs() - beganMs) / 1000);
      this.#remember(name, image);
      return image;
    } catch (error) {
      if (isCriError(error)) this.#present.delete(name);
      throw error;
    } finally {
      this.#pulling--;
      this.#waiters.shift()?.();
    }
  }

  #event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.recorder.event(pod, type, reason, message);
  }
}
