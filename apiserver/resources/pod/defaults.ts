/** Defaults of Pods and pod templates that depend on other fields; the static ones are in the schema. */
import type {
  Container,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  Pod,
  PodSpec,
  Probe,
  Volume,
} from '../../../api/generated/core-v1.js';
import { setPodRequests } from './pod-level-resources.js';

const defaultFileMode = 0o644;
const defaultTokenSeconds = 3600;

/** For the spec of a Pod and of a template alike. Idempotent. */
export function setPodSpecDefaults(spec: PodSpec): void {
  spec.restartPolicy ??= 'Always';
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ??= 'default-scheduler';
  spec.securityContext ??= {};
  syncServiceAccount(spec);
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
  for (const container of spec.initContainers ?? []) setContainerDefaults(container, spec);
  for (const container of spec.containers) setContainerDefaults(container, spec);
  for (const container of spec.ephemeralContainers ?? []) setContainerDefaults(container, spec);
}

/** For a Pod itself. */
export function setPodDefaults(pod: Pod): void {
  setPodSpecDefaults(pod.spec);
  pod.spec.enableServiceLinks ??= true;
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
    setRequestsFromLimits(container);
  setPodRequests(pod.spec);
}

/** Two names of one field: the old one is kept in step for those who read it. */
function syncServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName ?? spec.serviceAccount;
  if (name === undefined || name === '') return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

function setRequestsFromLimits(container: Container): void {
  const limits = container.resources?.limits;
  if (limits === undefined) return;
  container.resources = { ...container.resources, requests: { ...limits, ...container.resources?.requests } };
}

function setContainerDefaults(container: Container | EphemeralContainer, spec: PodSpec): void {
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.imagePullPolicy ??= pullPolicyFor(container.image ?? '');
  container.resources ??= {};
  for (const port of container.ports ?? []) {
    port.protocol ??= 'TCP';
    if (spec.hostNetwork === true) port.hostPort ??= port.containerPort;
  }
  for (const variable of container.env ?? []) setEnvDefaults(variable);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    if (probe !== undefined) setProbeDefaults(probe);
  if (container.lifecycle !== undefined) setLifecycleDefaults(container.lifecycle);
}

/** `latest`, said or unsaid, moves; everything else stays what it was. */
export function pullPolicyFor(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent';
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.lastIndexOf(':');
  return colon < 0 || name.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

function setEnvDefaults(variable: EnvVar): void {
  const field = variable.valueFrom?.fieldRef;
  if (field !== undefined) field.apiVersion ??= 'v1';
  const resource = variable.valueFrom?.resourceFieldRef;
  if (resource !== undefined) resource.divisor ??= '0';
}

function setProbeDefaults(probe: Probe): void {
  // A zero stands for "not said" here: Kubernetes has no pointer to tell the two apart.
  probe.timeoutSeconds = orDefault(probe.timeoutSeconds, 1);
  probe.periodSeconds = orDefault(probe.periodSeconds, 10);
  probe.successThreshold = orDefault(probe.successThreshold, 1);
  probe.failureThreshold = orDefault(probe.failureThreshold, 3);
  if (probe.httpGet !== undefined) setHttpGetDefaults(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function orDefault(value: number | undefined, otherwise: number): number {
  return value === undefined || value === 0 ? otherwise : value;
}

function setHttpGetDefaults(action: HTTPGetAction): void {
  if ((action.path ?? '') === '') action.path = '/';
  action.scheme ??= 'HTTP';
}

function setLifecycleDefaults(lifecycle: Lifecycle): void {
  for (const handler of [lifecycle.postStart, lifecycle.preStop])
    if (handler?.httpGet !== undefined) setHttpGetDefaults(handler.httpGet);
}

function setVolumeDefaults(volume: Volume): void {
  if (Object.keys(volume).length === 1) volume.emptyDir = {};
  if (volume.secret !== undefined) volume.secret.defaultMode ??= defaultFileMode;
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= defaultFileMode;
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= defaultFileMode;
    for (const item of volume.downwardAPI.items ?? [])
      if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= 'v1';
  }
  if (volume.projected !== undefined) {
    volume.projected.defaultMode ??= defaultFileMode;
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken !== undefined)
        source.serviceAccountToken.expirationSeconds ??= defaultTokenSeconds;
      for (const item of source.downwardAPI?.items ?? [])
        if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= 'v1';
    }
  }
}
