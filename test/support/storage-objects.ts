/** Claims, PersistentVolumes and classes for tests, with only what a test says of them. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.js';
import type { StorageClass } from '../../api/generated/storage-v1.js';

const metadata = { resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

export interface VolumeOptions {
  readonly spec?: Partial<PersistentVolume['spec']>;
  readonly phase?: PersistentVolume['status']['phase'];
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

export function makeVolume(name: string, options: VolumeOptions = {}): PersistentVolume {
  const { spec, phase = 'Available', labels, annotations } = options;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      ...metadata,
      name,
      uid: `uid-${name}`,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/data' },
      persistentVolumeReclaimPolicy: 'Retain',
      ...spec,
    },
    status: { phase },
  };
}

export interface ClaimOptions {
  readonly spec?: Partial<PersistentVolumeClaim['spec']>;
  readonly phase?: PersistentVolumeClaim['status']['phase'];
  readonly annotations?: Record<string, string>;
}

/** In the namespace `default`; a gibibyte of no class. */
export function makeClaim(name: string, options: ClaimOptions = {}): PersistentVolumeClaim {
  const { spec, phase = 'Pending', annotations } = options;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...metadata,
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      ...(annotations && { annotations }),
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
    status: { phase },
  };
}

export function makeClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'Immediate',
    ...more,
    metadata: { ...metadata, name, uid: `uid-${name}`, ...more.metadata },
  };
}
