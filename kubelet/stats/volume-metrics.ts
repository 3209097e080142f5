/** What `/metrics` shows of volumes behind claims: names and labels of Kubernetes v1.35. Pure. */
import type { VolumeUsage } from '../volumes/volume-stats.js';
import type { Family } from './exposition.js';

const figures = [
  ['capacity_bytes', 'Size of the volume in bytes.', 'capacityBytes'],
  ['available_bytes', 'Bytes that are free in the volume.', 'availableBytes'],
  ['used_bytes', 'Bytes that are used in the volume.', 'usedBytes'],
  ['inodes', 'Inodes that the volume can have.', 'inodes'],
  ['inodes_free', 'Inodes that are free in the volume.', 'inodesFree'],
  ['inodes_used', 'Inodes that are used in the volume.', 'inodesUsed'],
] as const;

/** A claim that several Pods use is told of once. */
export function volumeMetrics(volumes: readonly VolumeUsage[]): Family[] {
  const claims = new Map(
    volumes.flatMap((one) => (one.claim === undefined ? [] : [[one.claim, one] as const])),
  );
  return figures.map(([name, help, figure]) => ({
    name: `kubelet_volume_stats_${name}`,
    type: 'gauge',
    help,
    series: [...claims].map(([claim, usage]) => {
      const [namespace = '', persistentvolumeclaim = ''] = claim.split('/');
      return { labels: { namespace, persistentvolumeclaim }, value: usage[figure] };
    }),
  }));
}
