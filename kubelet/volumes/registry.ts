/** Every kind of volume that this kubelet can mount. A new kind is a plugin and a line here. */
import { emptyDirVolumes } from './empty-dir.js';
import { hostPathVolumes } from './host-path.js';
import { configMapVolumes, downwardApiVolumes, projectedVolumes, secretVolumes } from './payload-plugins.js';
import type { VolumePlugin } from './volume-plugin.js';

export const volumePlugins: readonly VolumePlugin[] = [
  emptyDirVolumes,
  configMapVolumes,
  secretVolumes,
  projectedVolumes,
  downwardApiVolumes,
  hostPathVolumes,
];
