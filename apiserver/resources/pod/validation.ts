/** Validation of pod specs, of Pods and of what may change about them. */
import { sameJson, sameMembers } from '../../../api/apply/json-values.js';
import type { Pod, PodSpec, PodTemplateSpec, Toleration, Volume } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Label, validateDns1123Subdomain } from '../../../api/names.js';
import { omit } from '../../omit.js';
import { validateAnnotations, validateLabels } from '../object-meta.js';
import { validateContainers } from './container-validation.js';
import { validatePodResources } from './pod-level-resources.js';
import { validateEphemeralContainers } from './ephemeral-container-validation.js';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validatePodSpec(spec: PodSpec, path: string, violations: Violations): void {
  const volumeNames = validateVolumes(spec.volumes ?? [], `${path}.volumes`, violations);
  const scope = {
    volumeNames,
    hostNetwork: spec.hostNetwork === true,
    restartPolicy: spec.restartPolicy,
    takenNames: new Set<string>(),
  };
  if (spec.containers.length === 0) violations.required(`${path}.containers`);
  validateContainers(spec.containers, `${path}.containers`, scope, violations);
  validateContainers(spec.initContainers ?? [], `${path}.initContainers`, scope, violations);
  validateEphemeralContainers(spec, `${path}.ephemeralContainers`, scope, violations);
  validatePodResources(spec, `${path}.resources`, violations);
  validateHostPorts(spec, `${path}.containers`, violations);
  if (!restartPolicies.includes(spec.restartPolicy ?? ''))
    violations.notSupported(`${path}.restartPolicy`, spec.restartPolicy, restartPolicies);
  if (!dnsPolicies.includes(spec.dnsPolicy ?? ''))
    violations.notSupported(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies);
  if (spec.dnsPolicy === 'None' && (spec.dnsConfig?.nameservers ?? []).length === 0) {
    violations.required(
      `${path}.dnsConfig.nameservers`,
      'must provide at least one DNS nameserver when `dnsPolicy` is None',
    );
  }
  validateNames(spec, path, violations);
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, violations);
  validateTolerations(spec.tolerations ?? [], `${path}.tolerations`, violations);
  const grace = spec.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0)
    violations.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0');
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > 0x7fff_ffff))
    violations.invalid(
      `${path}.activeDeadlineSeconds`,
      deadline,
      'must be between 1 and 2147483647, inclusive',
    );
}

function validateNames(spec: PodSpec, path: string, violations: Violations): void {
  for (const field of ['serviceAccountName', 'nodeName'] as const) {
    const value = spec[field] ?? '';
    if (value !== '') violations.invalidEach(`${path}.${field}`, value, validateDns1123Subdomain(value));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field] ?? '';
    if (value !== '') violations.invalidEach(`${path}.${field}`, value, validateDns1123Label(value));
  }
  const schedulerName = spec.schedulerName ?? '';
  if (schedulerName === '') violations.required(`${path}.schedulerName`);
}

function validateVolumes(
  volumes: readonly Volume[],
  path: string,
  violations: Violations,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${path}[${index}]`;
    if (volume.name === '') violations.required(`${at}.name`);
    else {
      violations.invalidEach(`${at}.name`, volume.name, validateDns1123Label(volume.name));
      if (names.has(volume.name)) violations.duplicate(`${at}.name`, volume.name);
      names.add(volume.name);
    }
    validateVolumeSource(volume, at, violations);
  }
  return names;
}

function validateVolumeSource(volume: Volume, path: string, violations: Violations): void {
  const given = Object.entries(omit(volume, 'name'));
  for (const [kind] of given.slice(1))
    violations.forbidden(`${path}.${kind}`, 'may not specify more than 1 volume type');
  if (volume.hostPath?.path === '') violations.required(`${path}.hostPath.path`);
  if (volume.hostPath?.path.split('/').includes('..') === true)
    violations.invalid(`${path}.hostPath.path`, volume.hostPath.path, "must not contain '..'");
  if (volume.secret !== undefined && (volume.secret.secretName ?? '') === '')
    violations.required(`${path}.secret.secretName`);
  if (volume.configMap !== undefined && (volume.configMap.name ?? '') === '')
    violations.required(`${path}.configMap.name`);
  if (volume.persistentVolumeClaim?.claimName === '')
    violations.required(`${path}.persistentVolumeClaim.claimName`);
  for (const kind of ['secret', 'configMap'] as const) {
    for (const [index, item] of (volume[kind]?.items ?? []).entries()) {
      const at = `${path}.${kind}.items[${index}]`;
      if (item.key === '') violations.required(`${at}.key`);
      if (item.path === '') violations.required(`${at}.path`);
      else if (item.path.startsWith('/'))
        violations.invalid(`${at}.path`, item.path, 'must be a relative path');
      else if (item.path.split('/').includes('..'))
        violations.invalid(`${at}.path`, item.path, "must not contain '..'");
    }
  }
}

function validateHostPorts(spec: PodSpec, path: string, violations: Violations): void {
  const taken = new Set<string>();
  for (const [container, { ports = [] }] of spec.containers.entries()) {
    for (const [index, port] of ports.entries()) {
      if ((port.hostPort ?? 0) === 0) continue;
      const key = `${port.protocol ?? 'TCP'}/${port.hostIP ?? ''}/${port.hostPort ?? 0}`;
      if (taken.has(key)) violations.duplicate(`${path}[${container}].ports[${index}].hostPort`, key);
      taken.add(key);
    }
  }
}

export function validateTolerations(
  tolerations: readonly Toleration[],
  path: string,
  violations: Violations,
): void {
  for (const [index, toleration] of tolerations.entries()) {
    const at = `${path}[${index}]`;
    const { operator = 'Equal', key = '', value = '', effect = '' } = toleration;
    if (key === '' && operator !== 'Exists')
      violations.invalid(
        `${at}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    if (operator === 'Exists' && value !== '')
      violations.invalid(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'");
    if (!['Exists', 'Equal', 'Lt', 'Gt'].includes(operator))
      violations.notSupported(`${at}.operator`, operator, ['Equal', 'Exists']);
    if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute')
      violations.invalid(
        `${at}.effect`,
        effect,
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      );
    if (effect !== '' && !taintEffects.includes(effect))
      violations.notSupported(`${at}.effect`, effect, taintEffects);
  }
}

/** What every template must be, whoever makes pods of it. */
export function validatePodTemplate(template: PodTemplateSpec, path: string, violations: Violations): void {
  validateTemplateMeta(template, path, violations);
  validatePodSpec(template.spec, `${path}.spec`, violations);
  if ((template.spec.ephemeralContainers ?? []).length > 0)
    violations.forbidden(
      `${path}.spec.ephemeralContainers`,
      'ephemeral containers not allowed in pod template',
    );
}

export function validateTemplateMeta(template: PodTemplateSpec, path: string, violations: Violations): void {
  validateLabels(template.metadata.labels, `${path}.labels`, violations);
  validateAnnotations(template.metadata.annotations, `${path}.annotations`, violations);
}

/** A pod that ends would leave nothing to control: only `Always` restarts, and there is no deadline. */
export function validateRunsForever(
  { spec }: PodTemplateSpec,
  path: string,
  kind: string,
  violations: Violations,
): void {
  if (spec.restartPolicy !== 'Always')
    violations.notSupported(`${path}.spec.restartPolicy`, spec.restartPolicy, ['Always']);
  if (spec.activeDeadlineSeconds !== undefined)
    violations.forbidden(
      `${path}.spec.activeDeadlineSeconds`,
      `activeDeadlineSeconds in ${kind} is not Supported`,
    );
}

const mutableFields =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A Pod is what it was created as, but for images, the deadline, and more tolerations. */
export function validatePodUpdate(pod: Pod, before: Pod, violations: Violations): void {
  const next = pod.spec;
  const old = before.spec;
  // Most updates are about labels, annotations and finalizers.
  if (sameJson(next, old)) return;
  for (const list of ['containers', 'initContainers'] as const) {
    if ((next[list] ?? []).length !== (old[list] ?? []).length) {
      violations.forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
      return;
    }
  }
  const deadline = old.activeDeadlineSeconds;
  if (deadline !== undefined && (next.activeDeadlineSeconds ?? Infinity) > deadline)
    violations.invalid(
      'spec.activeDeadlineSeconds',
      next.activeDeadlineSeconds,
      'must be less than or equal to previous value',
    );
  if (!keepsTolerations(next.tolerations ?? [], old.tolerations ?? []))
    violations.forbidden(
      'spec.tolerations',
      'existing toleration can not be modified except its tolerationSeconds',
    );
  const comparable = withoutMutable(next, old);
  if (sameJson(comparable, old)) return;
  const changed = [...new Set([...Object.keys(comparable), ...Object.keys(old)])].filter(
    (key) => !sameJson(comparable[key as keyof PodSpec], old[key as keyof PodSpec]),
  );
  violations.forbidden(
    'spec',
    `${mutableFields}; changed: ${changed.map((key) => `spec.${key}`).join(', ')}`,
  );
}

function keepsTolerations(next: readonly Toleration[], old: readonly Toleration[]): boolean {
  return old.every((kept) => next.some((one) => sameMembers(one, kept, ['tolerationSeconds'])));
}

/** `next` with everything that may change put back to what it was. */
function withoutMutable(next: PodSpec, old: PodSpec): PodSpec {
  const images = <T extends { image?: string }>(containers: readonly T[], from: readonly T[]): T[] =>
    containers.map((container, index) => {
      const image = from[index]?.image;
      const rest = omit(container, 'image');
      // Keys keep no order in a deep comparison.
      return (image === undefined ? rest : { ...rest, image }) as T;
    });
  const grace = old.terminationGracePeriodSeconds;
  const graceBack = grace !== undefined && grace < 0 && next.terminationGracePeriodSeconds === 1;
  const gates = onlyRemoved(next.schedulingGates, old.schedulingGates)
    ? old.schedulingGates
    : next.schedulingGates;
  return {
    ...omit(next, 'activeDeadlineSeconds', 'tolerations', 'schedulingGates'),
    containers: images(next.containers, old.containers),
    ...(next.initContainers === undefined
      ? {}
      : { initContainers: images(next.initContainers, old.initContainers ?? []) }),
    ...(old.activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds: old.activeDeadlineSeconds }),
    ...(old.tolerations === undefined ? {} : { tolerations: old.tolerations }),
    ...(gates === undefined ? {} : { schedulingGates: gates }),
    ...(graceBack ? { terminationGracePeriodSeconds: grace } : {}),
  };
}

function onlyRemoved(
  next: readonly { readonly name: string }[] | undefined,
  old: readonly { readonly name: string }[] | undefined,
): boolean {
  const names = new Set((old ?? []).map((gate) => gate.name));
  return (next ?? []).every((gate) => names.has(gate.name));
}
