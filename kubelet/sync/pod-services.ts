/** What a pod worker works with: the other parts of the kubelet, each behind what it offers. */
import type { Pod } from '../../api/generated/core-v1.js';
import type { EventRecorder, ResourceClient } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Admission } from '../admission/admission.js';
import type { CgroupManager } from '../containers/cgroups.js';
import type { ClusterDns } from '../containers/dns-config.js';
import type { ResourcePolicy } from '../containers/resources.js';
import type { NodeSecurity } from '../containers/security-context.js';
import type { UserNamespaces } from '../containers/user-namespaces.js';
import type { ContainerRuntime, RuntimeVersion } from '../cri/runtime.js';
import type { PodFacts } from '../environment/downward-api.js';
import type { ImageManager } from '../images/image-manager.js';
import type { KubeletMetrics } from '../kubelet-metrics.js';
import type { KnownServices } from '../pods/known-services.js';
import type { PodCheckpoints } from '../pods/pod-checkpoints.js';
import type { ReferencedObjectCache } from '../pods/referenced-object-cache.js';
import type { ProbeManager } from '../probes/probe-manager.js';
import type { PodResizes } from '../resize/pod-resizes.js';
import type { RuntimeState } from '../runtime-state/runtime-state.js';
import type { TokenManager } from '../service-accounts/token-manager.js';
import type { StartupGate } from '../startup/gate.js';
import type { StatusManager } from '../status/status-manager.js';
import type { Mounter } from '../volumes/mounter.js';
import type { PodFolders } from '../volumes/pod-folders.js';
import type { VolumeManager } from '../volumes/volume-manager.js';
import type { CreationLimit } from './creation-limit.js';

export interface NodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly resources: ResourcePolicy;
  readonly allocatable: Readonly<Record<string, string>>;
  /** Its name is the scheme of container IDs: `containerd`. */
  readonly runtime: RuntimeVersion;
  readonly security: NodeSecurity;
}

export interface PodServices {
  readonly node: NodeFacts;
  readonly runtime: ContainerRuntime;
  readonly runtimeState: RuntimeState;
  readonly images: ImageManager;
  readonly volumes: VolumeManager;
  readonly folders: PodFolders;
  readonly mounter: Mounter;
  readonly cgroups: CgroupManager;
  /** Whether this node takes a Pod beside the others that it has; undefined when it does. */
  readonly admit: Admission;
  readonly userNamespaces: UserNamespaces;
  readonly objects: ReferencedObjectCache;
  readonly tokens: TokenManager;
  readonly services: Pick<KnownServices, 'list'>;
  /** What the Pod's RuntimeClass calls its way to run containers; empty for the runtime's own. */
  readonly runtimeHandlerOf: (pod: Pod) => Promise<string>;
  readonly dns: ClusterDns;
  readonly probes: ProbeManager;
  readonly metrics: Pick<
    KubeletMetrics,
    'containerStarting' | 'containerNotStarted' | 'podWorked' | 'podStarted' | 'preempted'
  >;
  readonly resizes: PodResizes;
  readonly statuses: StatusManager;
  readonly checkpoints: PodCheckpoints;
  readonly gate: StartupGate;
  readonly creationLimit: CreationLimit;
  readonly recorder: EventRecorder;
  readonly pods: ResourceClient<Pod>;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly log: Logger;
}

export function podFacts(services: PodServices, podIps: readonly string[]): PodFacts {
  return { podIps, hostIp: services.node.ip, allocatable: services.node.allocatable };
}
