/** The columns of storage.k8s.io: classes of volumes, and the drivers that make them. */
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../generated/storage-v1.js';
import type { KubernetesObject } from '../objects.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, orNone } from './column.js';

/** The name of a class, with a mark when it is the one for who names none. */
function markedName(...annotations: readonly string[]): Column<KubernetesObject> {
  return {
    ...nameColumn,
    cell: ({ metadata }) => {
      const isDefault = annotations.some((key) => metadata.annotations?.[key] === 'true');
      return isDefault ? `${metadata.name} (default)` : metadata.name;
    },
  };
}

export const storageClassColumns: readonly Column<StorageClass>[] = [
  markedName(
    'storageclass.kubernetes.io/is-default-class',
    'storageclass.beta.kubernetes.io/is-default-class',
  ),
  {
    name: 'Provisioner',
    type: 'string',
    description: 'Who makes the volumes',
    cell: ({ provisioner }) => provisioner,
  },
  {
    name: 'ReclaimPolicy',
    type: 'string',
    description: 'What becomes of a volume that nobody claims any more',
    cell: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
  },
  {
    name: 'VolumeBindingMode',
    type: 'string',
    description: 'When a volume is made and bound',
    cell: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
  },
  {
    name: 'AllowVolumeExpansion',
    type: 'string',
    description: 'Whether volumes can grow',
    cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
  },
  ageColumn,
];

export const volumeAttributesClassColumns: readonly Column<VolumeAttributesClass>[] = [
  markedName('volumeattributesclass.alpha.kubernetes.io/is-default-class'),
  {
    name: 'DriverName',
    type: 'string',
    description: 'The driver that knows the parameters',
    cell: ({ driverName }) => driverName,
  },
  ageColumn,
];

export const volumeAttachmentColumns: readonly Column<VolumeAttachment>[] = [
  nameColumn,
  {
    name: 'Attacher',
    type: 'string',
    description: 'The driver that attaches',
    cell: ({ spec }) => spec.attacher,
  },
  {
    name: 'PV',
    type: 'string',
    description: 'The persistent volume',
    cell: ({ spec }) => spec.source.persistentVolumeName ?? '',
  },
  { name: 'Node', type: 'string', description: 'The node', cell: ({ spec }) => spec.nodeName },
  {
    name: 'Attached',
    type: 'boolean',
    description: 'Whether it is attached now',
    cell: ({ status }) => status.attached,
  },
  ageColumn,
];

export const csiDriverColumns: readonly Column<CSIDriver>[] = [
  nameColumn,
  {
    name: 'AttachRequired',
    type: 'boolean',
    description: 'Whether volumes are attached to the node before they are mounted',
    cell: ({ spec }) => spec.attachRequired ?? true,
  },
  {
    name: 'PodInfoOnMount',
    type: 'boolean',
    description: 'Whether the driver is told which pod it mounts for',
    cell: ({ spec }) => spec.podInfoOnMount ?? false,
  },
  {
    name: 'StorageCapacity',
    type: 'boolean',
    description: 'Whether the scheduler looks at the capacity that is left',
    cell: ({ spec }) => spec.storageCapacity ?? false,
  },
  {
    name: 'TokenRequests',
    type: 'string',
    description: 'Audiences of the service account tokens that the driver gets',
    cell: ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
  },
  {
    name: 'RequiresRepublish',
    type: 'boolean',
    description: 'Whether the driver is called again and again',
    cell: ({ spec }) => spec.requiresRepublish ?? false,
  },
  {
    name: 'Modes',
    type: 'string',
    description: 'Lifecycles of volumes that the driver supports',
    cell: ({ spec }) => orNone((spec.volumeLifecycleModes ?? []).join(',')),
  },
  ageColumn,
];

export const csiNodeColumns: readonly Column<CSINode>[] = [
  nameColumn,
  {
    name: 'Drivers',
    type: 'integer',
    description: 'Number of drivers on the node',
    cell: ({ spec }) => spec.drivers.length,
  },
  ageColumn,
];

export const csiStorageCapacityColumns: readonly Column<CSIStorageCapacity>[] = [
  nameColumn,
  {
    name: 'StorageClassName',
    type: 'string',
    description: 'The class whose volumes fit',
    cell: ({ storageClassName }) => storageClassName,
  },
  {
    name: 'Capacity',
    type: 'string',
    description: 'How much is left',
    cell: ({ capacity }) => capacity ?? '',
  },
];
