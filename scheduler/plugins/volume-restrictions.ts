/** VolumeRestrictions: a claim with the access mode ReadWriteOncePod is for one Pod. */
import { claimNameOf } from '../../api/volume-binding.js';
import type { Pod } from '../../api/generated/core-v1.js';
import type { PluginFactory } from '../framework/extension-points.js';
import type { NodeInfo } from '../framework/node-info.js';
import { skip, success, unschedulable } from '../framework/verdict.js';

export const volumeRestrictions: PluginFactory = ({ storage }) => ({
  name: 'VolumeRestrictions',
  interests: [{ type: 'pod-gone' }, { type: 'claim-changed' }],
  preFilter: (_state, { pod }, nodes) => {
    const exclusive = claimKeys(pod).filter((key) =>
      storage.claim(key)?.spec.accessModes?.includes('ReadWriteOncePod'),
    );
    if (exclusive.length === 0) return skip;
    return isUsed(exclusive, pod, nodes)
      ? unschedulable(
          'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
        )
      : success;
  },
});

function isUsed(keys: readonly string[], pod: Pod, nodes: readonly NodeInfo[]): boolean {
  return nodes.some(({ pods }) =>
    pods.some(
      (other) => other.uid !== pod.metadata.uid && claimKeys(other.pod).some((key) => keys.includes(key)),
    ),
  );
}

/** `namespace/name` of each claim of the Pod. */
function claimKeys(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(pod, volume);
    return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
  });
}
