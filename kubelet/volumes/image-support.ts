/** Which runtimes can mount images: they do not say so themselves. Pure. */
import type { RuntimeVersion } from '../cri/runtime.js';

interface Feature {
  readonly name: string;
  /** The first releases that have it. */
  readonly since: Readonly<Record<string, readonly [major: number, minor: number]>>;
}

export const imageMounts: Feature = {
  name: 'image volumes',
  since: { containerd: [2, 1], 'cri-o': [1, 31] },
};

/** Older ones mount the whole image without a word, also what the Pod was not to see. */
export const imageSubPaths: Feature = {
  name: 'parts of image volumes (subPath)',
  since: { containerd: [2, 2], 'cri-o': [1, 33] },
};

/** What to tell where the runtime is known to be too old; undefined where it has the feature, or is not known. */
export function whyNot(
  { name, since }: Feature,
  { runtimeName, runtimeVersion }: RuntimeVersion,
): string | undefined {
  const first = since[runtimeName];
  const found = /^v?(\d+)\.(\d+)/.exec(runtimeVersion);
  if (first === undefined || found === null) return undefined;
  const [major, minor] = [Number(found[1]), Number(found[2])];
  if (major > first[0] || (major === first[0] && minor >= first[1])) return undefined;
  return `${name} need ${runtimeName} ${first.join('.')} or later: this node runs ${runtimeVersion}`;
}
