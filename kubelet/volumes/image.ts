/** image: the files of an image, read-only. The runtime mounts it; the kubelet only makes sure that it is there. */
import type { VolumePlugin } from './volume-plugin.js';

export const imageVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~image',
  isPayload: false,
  isEphemeral: true,
  supports: ({ kind }) => kind === 'image',
  setUp: async (context) => {
    const { reference = '', pullPolicy } = context.spec.source.image ?? {};
    return { kind: 'image', path: await context.image(reference, pullPolicy), readOnly: true };
  },
};
