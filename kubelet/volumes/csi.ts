/** csi: volumes of storage drivers. None can register here yet, so each is refused in Kubernetes' words. */
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

export const csiVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~csi',
  isPayload: false,
  isEphemeral: false,
  supports: ({ kind }) => kind === 'csi',
  setUp: ({ spec }) => Promise.reject(unknownDriver(spec.csiDriver)),
  setUpDevice: ({ spec }) => Promise.reject(unknownDriver(spec.csiDriver)),
};

function unknownDriver(name = ''): VolumeError {
  return new VolumeError(
    `kubernetes.io/csi: driver name ${name} not found in the list of registered CSI drivers (this kubelet has no CSI yet)`,
  );
}
