/** Why an image is not there. `reason` is what a container's waiting state shows. */
export type ImageErrorReason = 'ErrImagePull' | 'ImagePullBackOff' | 'ErrImageNeverPull' | 'InvalidImageName';

export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly reason: ImageErrorReason;
  /** When trying again makes sense; undefined when only a change of the Pod can help. */
  readonly retryAtMs: number | undefined;

  constructor(
    reason: ImageErrorReason,
    message: string,
    options: { readonly retryAtMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryAtMs = options.retryAtMs;
  }
}
