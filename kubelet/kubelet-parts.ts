/** What a kubelet is made of: settings, and the world that it is given. */
import type { Registry } from 'prom-client';
import type { ApiClient, EventRecorder, InformerFactory } from '../client/types.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { CgroupManager } from './containers/cgroups.js';
import type { KubeletConfiguration } from './config/kubelet-configuration.js';
import type { ContainerRuntime } from './cri/runtime.js';
import type { Measurer } from './eviction/measure.js';
import type { NetworkConfigOptions } from './node/network-config.js';
import type { StartupMachine } from './startup/create-gate.js';
import type { StartupGate } from './startup/gate.js';
import type { Mounter } from './volumes/mounter.js';

export interface KubeletSettings {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly rootDir: string;
  readonly network: NetworkConfigOptions;
  /** PEM texts of the server's certificate and key, and of the authorities of clients. */
  readonly certificates: { readonly cert: string; readonly key: string; readonly clientCa: string };
  readonly configuration: KubeletConfiguration;
}

export interface KubeletParts {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly recorder: EventRecorder;
  readonly runtime: ContainerRuntime;
  readonly cgroups: CgroupManager;
  readonly mounter: Mounter;
  /** Another gate than that of the configuration: for tests. */
  readonly gate?: StartupGate;
  /** What the gate asks of the machine; the machine itself when absent. */
  readonly startup?: StartupMachine;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Asked when the kubelet is told to end; false when absent. */
  readonly isMachineGoingDown?: () => Promise<boolean>;
  /** How the node and its Pods are measured, and how often; the machine, every 10 seconds when absent. */
  readonly measurer?: Measurer;
  readonly evictionIntervalMs?: number;
}
