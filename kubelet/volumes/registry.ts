/** Every kind of volume that this kubelet can mount. A new kind is a plugin and a line here. */
import { csiVolumes } from './csi.js';
import { emptyDirVolumes } from './empty-dir.js';
import { hostPathVolumes } from './host-path.js';
import { imageVolumes } from './image.js';
import { localVolumes } from './local.js';
import { nfsVolumes } from './nfs.js';
import { configMapVolumes, downwardApiVolumes, projectedVolumes, secretVolumes } from './payload-plugins.js';
import type { VolumePlugin } from './volume-plugin.js';

export const volumePlugins: readonly VolumePlugin[] = [
  emptyDirVolumes,
  configMapVolumes,
  secretVolumes,
  projectedVolumes,
  downwardApiVolumes,
  hostPathVolumes,
  localVolumes,
  nfsVolumes,
  imageVolumes,
  csiVolumes,
];
