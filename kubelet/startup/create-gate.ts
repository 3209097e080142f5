/** Puts the startup gate together from the configuration and the machine. */
import type { Registry } from 'prom-client';
import type { Pod, Service } from '../../api/generated/core-v1.js';
import type { StartupReport } from '../../api/startup-report.js';
import type { ApiClient, EventRecorder } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { CgroupManager } from '../containers/cgroups.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import type { PodFolders } from '../volumes/pod-folders.js';
import type { VolumeManager } from '../volumes/volume-manager.js';
import { ClusterReadiness } from './cluster-readiness.js';
import { controllerFor } from './controllers/registry.js';
import { createDeviceFinder } from './devices/device-finder.js';
import { createPodDevices } from './devices/devices-of-pod.js';
import type { PodDevices } from './devices/devices-of-pod.js';
import { systemMachine } from './devices/machine-view.js';
import { openGate } from './gate.js';
import type { StartupGate } from './gate.js';
import { createProgressReader } from './pressure/progress-reader.js';
import type { ProgressReader } from './pressure/progress-reader.js';
import { createSampler, machineTexts } from './pressure/sampler.js';
import type { Sampler } from './pressure/sampler.js';
import { StartupMercy } from './probe-mercy.js';
import type { RuntimeCalls } from './runtime-calls.js';
import { createStartSurroundings } from './start-surroundings.js';
import { AdmittingGate } from './startup-gate.js';
import { createStartupMetrics } from './startup-metrics.js';

/** What is asked of the machine. Tests give their own. */
export interface StartupMachine {
  readonly devices: PodDevices;
  readonly sampler: Sampler;
  readonly progress: ProgressReader;
}

export interface GateOptions {
  readonly nodeName: string;
  readonly configuration: Pick<KubeletConfiguration, 'startupIO' | 'cgroupRoot'>;
  /** This machine when absent. */
  readonly machine: StartupMachine | undefined;
  readonly client: ApiClient;
  readonly runtime: ContainerRuntime;
  readonly calls: RuntimeCalls;
  readonly volumes: VolumeManager;
  readonly folders: PodFolders;
  readonly cgroups: CgroupManager;
  /** All Pods of this node, with the kubelet's own word on their status. */
  readonly pods: () => readonly Pod[];
  readonly service: (namespace: string, name: string) => Service | undefined;
  /** See {@link AdmittingGate}. */
  readonly onLook: () => void;
  readonly metrics: Registry;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The gate as the rest of the kubelet has it. */
export interface KubeletGate {
  readonly gate: StartupGate;
  /** Undefined in mode Off. */
  readonly engine: AdmittingGate | undefined;
  readonly mercy: StartupMercy | undefined;
  report(withHistory: boolean): StartupReport;
}

export function createGate(options: GateOptions): KubeletGate {
  const { nodeName, clock, cgroups, configuration, metrics } = options;
  const { startupIO } = configuration;
  if (startupIO.mode === 'Off') return offGate(nodeName, clock);
  const { devices, sampler, progress } = options.machine ?? machineOf(options);
  const areRegistriesCharged = startupIO.backends.some(({ registries }) => registries.length > 0);
  // The metrics show the engine, and the engine counts in them.
  const link: { engine?: AdmittingGate } = {};
  const startupMetrics = createStartupMetrics(metrics, () => link.engine?.report(false).devices ?? []);
  const engine = new AdmittingGate({
    ...options,
    mode: startupIO.mode,
    controller: controllerFor(startupIO.mode, startupIO),
    limits: startupIO,
    surroundings: createStartSurroundings({ ...options, devices, areRegistriesCharged }),
    others: new ClusterReadiness(options),
    sampler,
    bytesOf: (pod, devices) => progress.bytesOf(cgroups.pathOf(pod), devices),
    slowestCallMs: () => options.calls.slowestMs(),
    metrics: startupMetrics,
  });
  link.engine = engine;
  const mercy = new StartupMercy({
    ...options,
    gate: engine,
    progress,
    cgroupOf: (pod, containerId) => `${cgroups.pathOf(pod)}/${containerId}`,
    sparedForMs: startupIO.sparedForMs,
    metrics: startupMetrics,
  });
  return { gate: engine, engine, mercy, report: (withHistory) => engine.report(withHistory) };
}

/** Starts are not held back. */
export function offGate(nodeName: string, clock: Clock, gate: StartupGate = openGate): KubeletGate {
  const nothing = { devices: [], starts: [], queue: [], history: [] };
  return {
    gate,
    engine: undefined,
    mercy: undefined,
    report: () => ({ node: nodeName, mode: 'Off', atMs: clock.now(), ...nothing }),
  };
}

function machineOf({
  configuration,
  runtime,
  volumes,
  folders,
  cgroups,
  clock,
  log,
}: GateOptions): StartupMachine {
  const { backends } = configuration.startupIO;
  // A hybrid machine has its cgroups of version 2 beside the others. A folder that is not there is no harm.
  const podCgroups = ['', '/unified'].map((mount) => `/sys/fs/cgroup${mount}${configuration.cgroupRoot}`);
  const finder = createDeviceFinder({ machine: systemMachine, backends, clock, log });
  return {
    devices: createPodDevices({ finder, runtime, volumes, folders, log }),
    sampler: createSampler({ texts: machineTexts(podCgroups), finder, clock }),
    progress: createProgressReader({ version: cgroups.version, clock }),
  };
}
