/** The stage `prewarm` of `knarr up`: the kubelet is held back until the images of its first Pods are warm. */
import { freemem } from 'node:os';
import type { Snapshotter } from '../containerd/containerd-config.js';
import { containerdImageFiles } from '../images/containerd-image-files.js';
import type { Layout } from '../layout.js';
import type { Terminal } from '../terminal.js';
import type { FirstImages } from './first-images.js';
import { prewarmImages } from './prewarm.js';
import type { PrewarmResult } from './prewarm.js';

const mebibyte = 1024 * 1024;
/** A quarter of the memory that is free, so that the cache drives nothing out, and never more than this. */
const mostBytes = 1024 * mebibyte;
/** Well within the time in which a node has to become Ready. */
export const prewarmTimeoutMs = 30_000;

export interface PrewarmStage {
  readonly layout: Layout;
  readonly snapshotter: Snapshotter;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Returns what to say of it. containerd must be up. */
export async function prewarmFirst(first: FirstImages, stage: PrewarmStage): Promise<string> {
  const { layout, snapshotter, terminal, signal } = stage;
  // There each container is a copy of its image: reading it twice would only take longer.
  if (snapshotter === 'native') return 'left out: images are copied here, not shared';
  const result = await prewarmImages(first.images, containerdImageFiles(layout, snapshotter), {
    maxBytes: Math.min(mostBytes, Math.floor(freemem() / 4)),
    signal: AbortSignal.any([signal, AbortSignal.timeout(prewarmTimeoutMs)]),
  });
  signal.throwIfAborted();
  for (const problem of result.problems)
    terminal.line(`${terminal.colour('yellow', '!')} prewarm: ${problem}`);
  return describePrewarm(first, result);
}

/** Pure. */
export function describePrewarm({ podCount, images }: FirstImages, result: PrewarmResult): string {
  const { warmed, pulled, bytes, stoppedBy } = result;
  const limit = { bytes: ', as much as there is room for', time: ', as much as there was time for' };
  return [
    `${warmed} of ${images.length} images of ${podCount} static and critical pods`,
    pulled === 0 ? '' : `, ${pulled} pulled`,
    `, ${(bytes / mebibyte).toFixed(1)} MiB read`,
    stoppedBy === undefined ? '' : limit[stoppedBy],
  ].join('');
}
