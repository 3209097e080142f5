/** ImageLocality: prefers nodes that have the Pod's images already, in proportion to what need not be pulled. */
import { stateKey } from '../framework/cycle-state.js';
import type { CycleState } from '../framework/cycle-state.js';
import { maxNodeScore } from '../framework/extension-points.js';
import type { PluginFactory } from '../framework/extension-points.js';
import type { NodeInfo } from '../framework/node-info.js';
import type { PodInfo } from '../framework/pod-info.js';
import { skip, success } from '../framework/verdict.js';

const mebibyte = 1024 * 1024;
/** Below the least nothing is gained worth a point; at the most, per container, it is full marks. */
const imageBytes = { least: 23 * mebibyte, mostPerContainer: 1000 * mebibyte } as const;

/** How many of the candidates have an image, by the image's name. */
const spreadKey = stateKey<{ readonly nodes: number; readonly having: ReadonlyMap<string, number> }>(
  'ImageLocality: spread of the images',
);

export const imageLocality: PluginFactory = () => ({
  name: 'ImageLocality',
  preScore: (state, pod, nodes) => {
    const having = new Map(
      imagesOf(pod).map((image) => [image, nodes.filter((node) => node.imageBytes.has(image)).length]),
    );
    // Where no node has any of them, none is better than another.
    if ([...having.values()].every((count) => count === 0)) return skip;
    state.write(spreadKey, { nodes: nodes.length, having });
    return success;
  },
  score: (state, pod, node) => localityScore(state, pod, node),
});

/** An image that is on few nodes counts less, so that it does not draw every Pod to the one node that has it. */
function localityScore(state: CycleState, pod: PodInfo, node: NodeInfo): number {
  const spread = state.read(spreadKey);
  if (spread === undefined) return 0;
  const images = imagesOf(pod);
  let bytes = 0;
  for (const image of images) {
    const share = (spread.having.get(image) ?? 0) / spread.nodes;
    bytes += (node.imageBytes.get(image) ?? 0) * share;
  }
  const most = imageBytes.mostPerContainer * images.length;
  const counted = Math.min(Math.max(bytes, imageBytes.least), most);
  return Math.floor((maxNodeScore * (counted - imageBytes.least)) / (most - imageBytes.least));
}

/** With the tag and registry that the container runtime adds to short names. */
function imagesOf({ pod }: PodInfo): readonly string[] {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return all.map(({ image = '' }) => {
    const name = image.slice(image.lastIndexOf('/') + 1);
    return name.includes(':') || name.includes('@') ? image : `${image}:latest`;
  });
}
