/** Keys of pods and their containers: where they come from, how many, their logs and images. */
import {
  boolean,
  choice,
  duration,
  factor,
  group,
  integer,
  list,
  noEffect,
  optionalInteger,
  path,
  refused,
  size,
  text,
  texts,
  map,
} from '../field.js';

export const podKeys = {
  staticPodPath: path('', {
    about: 'A folder of manifests, or one manifest, that run without an apiserver; empty: none.',
    flag: 'pod-manifest-path',
  }),
  fileCheckFrequency: duration('20s', {
    about: 'How often staticPodPath is looked at when the kernel tells of no changes.',
    flag: 'file-check-frequency',
  }),
  staticPodURL: text('', {
    about: 'Where manifests are fetched from; empty: nowhere.',
    flag: 'manifest-url',
  }),
  staticPodURLHeader: map(
    {},
    { type: 'lists of texts', read: readTexts },
    {
      about: 'Headers of that request.',
    },
  ),
  httpCheckFrequency: duration('20s', {
    about: 'How often staticPodURL is asked.',
    flag: 'http-check-frequency',
  }),
  syncFrequency: duration('1m', {
    about: 'How long a pod may go without being looked at.',
    flag: 'sync-frequency',
    support: refused('changes are followed; the full look is every minute'),
  }),
  maxPods: integer(
    110,
    { min: 0 },
    { about: 'How many pods may run here.', flag: 'max-pods', zeroIsDefault: true },
  ),
  podsPerCore: integer(
    0,
    { min: 0 },
    {
      about: 'How many pods may run here for each core, up to maxPods; 0: no such limit.',
      flag: 'pods-per-core',
    },
  ),
  podPidsLimit: integer(
    -1,
    { min: -1 },
    {
      about: 'Processes of one pod; -1: as many as the node.',
      flag: 'pod-max-pids',
    },
  ),
  allowedUnsafeSysctls: list([], texts, {
    about: 'Sysctls beyond the safe ones that pods may set; a `*` at the end stands for the rest.',
    flag: 'allowed-unsafe-sysctls',
  }),
  seccompDefault: boolean(false, {
    about: 'RuntimeDefault is the seccomp profile of containers that name none.',
    flag: 'seccomp-default',
  }),
  userNamespaces: group({
    idsPerPod: integer(
      65_536,
      { min: 65_536 },
      {
        about: 'User and group IDs of a pod in a user namespace; a multiple of 65536.',
        support: refused('the range of a pod is 65536'),
      },
    ),
  }),
  crashLoopBackOff: group({
    maxContainerRestartPeriod: duration('5m', {
      about: 'The longest wait before a container that ended is started again.',
      minMs: 1000,
      maxMs: 300_000,
      support: refused('not there yet'),
    }),
  }),
  enableControllerAttachDetach: boolean(true, {
    about: 'The controller manager attaches volumes, not the kubelet.',
    flag: 'enable-controller-attach-detach',
    support: noEffect('there are no volumes that are attached'),
  }),
  volumeStatsAggPeriod: duration('1m', {
    about: 'How old the measured usage of volumes may be.',
    flag: 'volume-stats-agg-period',
    support: refused('volumes are not measured yet'),
  }),
  volumePluginDir: path('/usr/libexec/kubernetes/kubelet-plugins/volume/exec/', {
    about: 'FlexVolume drivers.',
    flag: 'volume-plugin-dir',
    support: refused('FlexVolume is deprecated and not there'),
  }),
  localStorageCapacityIsolation: boolean(true, {
    about: 'Requests and limits of ephemeral-storage count.',
    flag: 'local-storage-capacity-isolation',
    support: refused('they always count'),
  }),

  podLogsDir: path('/var/log/pods', { about: "Folder of containers' logs.", flag: 'pod-logs-dir' }),
  containerLogMaxSize: size('10Mi', {
    about: 'A log is rotated when it is larger.',
    flag: 'container-log-max-size',
  }),
  containerLogMaxFiles: integer(
    5,
    { min: 2 },
    {
      about: 'Files of one log, the current one counted.',
      flag: 'container-log-max-files',
    },
  ),
  containerLogMaxWorkers: integer(1, { min: 1 }, { about: 'Logs that are rotated at the same time.' }),
  containerLogMonitorInterval: duration('10s', {
    about: 'How often the size of logs is looked at.',
    minMs: 3000,
  }),

  serializeImagePulls: boolean(true, {
    about: 'Pull one image at a time. Default: false when maxParallelImagePulls is 2 or more.',
    flag: 'serialize-image-pulls',
  }),
  maxParallelImagePulls: optionalInteger(
    { min: 1 },
    {
      about: 'Images pulled at the same time; not set: no limit. Needs serializeImagePulls: false.',
    },
  ),
  registryPullQPS: integer(
    5,
    { min: 0 },
    {
      about: 'Pulls a second; 0: no limit.',
      flag: 'registry-qps',
      support: noEffect('the number of pulls at a time is limited instead'),
    },
  ),
  registryBurst: integer(
    10,
    { min: 0 },
    {
      about: 'Pulls at once.',
      flag: 'registry-burst',
      zeroIsDefault: true,
      support: noEffect('the number of pulls at a time is limited instead'),
    },
  ),
  imagePullCredentialsVerificationPolicy: choice(
    'NeverVerify',
    ['NeverVerify', 'NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages', 'AlwaysVerify'],
    {
      about:
        'When a pod must show credentials for an image that is there. Kubernetes: NeverVerifyPreloadedImages.',
      support: refused('every pod may use an image that is there'),
    },
  ),
  preloadedImagesVerificationAllowlist: list([], texts, {
    about: 'Images that need no credentials under NeverVerifyAllowlistedImages.',
    support: refused('every pod may use an image that is there'),
  }),
  imageMinimumGCAge: duration('2m', {
    about: 'An unused image younger than this stays.',
    flag: 'minimum-image-ttl-duration',
  }),
  imageMaximumGCAge: duration('0s', {
    about: 'An image unused for longer than this is removed; 0: it is not.',
  }),
  imageGCHighThresholdPercent: integer(
    85,
    { min: 0, max: 100 },
    {
      about: 'Usage of the disk, in percent, at which unused images are removed.',
      flag: 'image-gc-high-threshold',
    },
  ),
  imageGCLowThresholdPercent: integer(
    80,
    { min: 0, max: 100 },
    {
      about: 'Usage of the disk, in percent, down to which they are removed.',
      flag: 'image-gc-low-threshold',
    },
  ),
  memoryThrottlingFactor: factor(0.9, {
    about: 'Part of the memory limit at which the kernel begins to reclaim, with the feature MemoryQoS.',
    support: noEffect('MemoryQoS is off'),
  }),
};

function readTexts(value: unknown, where: string): readonly string[] {
  return list([], texts, { about: '' }).read(value, where);
}
