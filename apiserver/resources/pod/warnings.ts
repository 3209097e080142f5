/** What a user is told of a pod, or of a template of pods, that is accepted all the same: in the words of Kubernetes. Pure. */
import type { Container, ContainerPort, NodeSelectorTerm, PodSpec } from '../../../api/generated/core-v1.js';
import { nodeLabelWarnings, nodeTermWarnings } from '../node/deprecated-labels.js';
import { startupHintWarnings } from './startup-hints.js';

/** A Pod or a PodTemplateSpec. */
interface PodLike {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

/** Volumes that are accepted and do nothing, by the field that names their kind. */
export const goneVolumes = {
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
} as const;

const deprecatedAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod':
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};
const podSeccomp = 'seccomp.security.alpha.kubernetes.io/pod';
const containerSeccomp = 'container.seccomp.security.alpha.kubernetes.io/';
const containerAppArmor = 'container.apparmor.security.beta.kubernetes.io/';
const noSelector = 'a null labelSelector results in matching no pod';
const wholeBytes = ['memory', 'ephemeral-storage'] as const;

/** `path` is that of the template in its object: `spec.template`; '' for a Pod. */
export function podWarnings({ metadata, spec }: PodLike, path = ''): readonly string[] {
  const annotations = metadata?.annotations ?? {};
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`);
  return [
    ...placementWarnings(spec, at('spec')),
    ...Object.entries(deprecatedAnnotations)
      .filter(([key]) => Object.hasOwn(annotations, key))
      .map(([key, message]) => `${at(`metadata.annotations[${key}]`)}: ${message}`),
    ...(path === '' ? [] : startupHintWarnings(annotations, at('metadata.annotations'))),
    ...volumeWarnings(spec, at('spec.volumes')),
    ...listWarnings(spec, at('spec')),
    ...fractions(spec.overhead, at('spec.overhead')),
    ...profileWarnings(spec, annotations, at('metadata.annotations'), path !== ''),
    ...containersOf(spec, at('spec')).flatMap(([container, where]) => containerWarnings(container, where)),
    ...portWarnings(spec, at('spec')),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${at('spec.terminationGracePeriodSeconds')}: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
  ];
}

function placementWarnings({ nodeSelector, affinity, topologySpreadConstraints }: PodSpec, path: string) {
  const terms = (list: readonly NodeSelectorTerm[], where: string, suffix = ''): readonly string[] =>
    list.flatMap((term, index) => nodeTermWarnings(term, `${where}[${index}]${suffix}`));
  const { nodeAffinity } = affinity ?? {};
  const preferred = nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const onNodes = `${path}.affinity.nodeAffinity`;
  return [
    ...nodeLabelWarnings(Object.keys(nodeSelector ?? {}), (key) => `${path}.nodeSelector[${key}]`),
    ...terms(
      nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [],
      `${onNodes}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`,
    ),
    ...terms(
      preferred.map(({ preference }) => preference),
      `${onNodes}.preferredDuringSchedulingIgnoredDuringExecution`,
      '.preference',
    ),
    ...(topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, index) => {
      const where = `${path}.topologySpreadConstraints[${index}]`;
      return [
        ...nodeLabelWarnings([topologyKey], (key) => `${where}.topologyKey: ${key} is`, ' '),
        ...(labelSelector === undefined ? [`${where}.labelSelector: ${noSelector}`] : []),
      ];
    }),
    ...(['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
      const rules = affinity?.[kind];
      const where = `${path}.affinity.${kind}`;
      return [
        ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(
          ({ labelSelector }, index) =>
            labelSelector === undefined
              ? [
                  `${where}.requiredDuringSchedulingIgnoredDuringExecution[${index}].labelSelector: ${noSelector}`,
                ]
              : [],
        ),
        ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(
          ({ podAffinityTerm }, index) =>
            podAffinityTerm.labelSelector === undefined
              ? [
                  `${where}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm.labelSelector: ${noSelector}`,
                ]
              : [],
        ),
      ];
    }),
  ];
}

function volumeWarnings({ volumes = [] }: PodSpec, path: string): readonly string[] {
  return volumes.flatMap((volume, index) =>
    Object.entries(goneVolumes)
      .filter(([kind]) => kind in volume)
      .map(([kind, message]) => `${path}[${index}].${kind === 'storageos' ? 'storageOS' : kind}: ${message}`),
  );
}

function listWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, path: string): readonly string[] {
  const secrets = imagePullSecrets.map(({ name = '' }) => name);
  return [
    ...repeated(
      hostAliases.map(({ ip }) => ip),
      (index, ip) => `${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`,
    ),
    ...repeated(
      secrets,
      (index, name) => `${path}.imagePullSecrets[${index}].name: duplicate name ${JSON.stringify(name)}`,
    ),
    ...secrets.flatMap((name, index) =>
      name === '' ? [`${path}.imagePullSecrets[${index}].name: invalid empty name ""`] : [],
    ),
  ];
}

function repeated(values: readonly string[], say: (index: number, value: string) => string): string[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [say(index, value)] : []));
}

/** Profiles in annotations, which fields have replaced. */
function profileWarnings(
  spec: PodSpec,
  annotations: Readonly<Record<string, string>>,
  path: string,
  isTemplate: boolean,
): readonly string[] {
  if (Object.keys(annotations).length === 0) return [];
  const seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  const { seccompProfile, appArmorProfile } = spec.securityContext ?? {};
  const found: string[] = [];
  if (seccompProfile === undefined && Object.hasOwn(annotations, podSeccomp))
    found.push(`${path}[${podSeccomp}]: ${seccomp}`);
  for (const [{ name, securityContext }] of containersOf(spec, '')) {
    const seccompKey = containerSeccomp + name;
    if (securityContext?.seccompProfile === undefined && Object.hasOwn(annotations, seccompKey))
      found.push(`${path}[${seccompKey}]: ${seccomp}`);
    const appArmorKey = containerAppArmor + name;
    const hasField = appArmorProfile !== undefined || securityContext?.appArmorProfile !== undefined;
    if (isTemplate && !hasField && Object.hasOwn(annotations, appArmorKey))
      found.push(`${path}[${appArmorKey}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
  }
  return found;
}

function containerWarnings({ resources, env = [] }: Container, path: string): readonly string[] {
  const names = env.map(({ name }) => name);
  return [
    ...fractions(resources?.limits, `${path}.resources.limits`),
    ...fractions(resources?.requests, `${path}.resources.requests`),
    ...env.flatMap(({ name, value = '', valueFrom }, index) => {
      if (names.indexOf(name) === index) return [];
      const reference = `$(${name})`;
      // One that builds on the value before it means what it does.
      const builds = valueFrom === undefined && value !== reference && value.includes(reference);
      return builds
        ? []
        : [
            `${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
          ];
    }),
  ];
}

/** Amounts of bytes in thousandths, which nobody means. */
function fractions(amounts: Readonly<Record<string, string>> | undefined, path: string): readonly string[] {
  return wholeBytes.flatMap((resource) => {
    const amount = amounts?.[resource];
    const thousandths = amount === undefined ? undefined : /^(\d+)m$/.exec(amount)?.[1];
    const isWhole = thousandths === undefined || Number(thousandths) % 1000 === 0;
    return isWhole
      ? []
      : [
          `${path}[${resource}]: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`,
        ];
  });
}

function portWarnings(spec: PodSpec, path: string): readonly string[] {
  const seen: { readonly port: ContainerPort; readonly where: string }[] = [];
  const warnings: string[] = [];
  for (const [{ ports = [] }, container] of containersOf(spec, path)) {
    for (const [index, port] of ports.entries()) {
      const where = `${container}.ports[${index}]`;
      if ((port.hostIP ?? '') !== '' && (port.hostPort ?? 0) === 0)
        warnings.push(`${where}: hostIP set without hostPort: ${showPort(port)}`);
      for (const other of seen) {
        if (other.port.containerPort !== port.containerPort || other.port.protocol !== port.protocol)
          continue;
        const clash = clashOf(port, other.port);
        if (clash !== undefined) warnings.push(`${where}: ${clash} port definition with ${other.where}`);
      }
      seen.push({ port, where });
    }
  }
  return warnings;
}

/** As Go prints the struct. */
function showPort({ name = '', containerPort, protocol = 'TCP', hostIP = '' }: ContainerPort): string {
  return `{Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}

function clashOf(port: ContainerPort, other: ContainerPort): string | undefined {
  const [hostIp, otherIp] = [port.hostIP ?? '', other.hostIP ?? ''];
  const [hostPort, otherPort] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (hostIp === otherIp && hostPort === otherPort) return 'duplicate';
  if (hostPort === 0 || otherPort === 0) return 'overlapping';
  return hostPort === otherPort && (hostIp === '') !== (otherIp === '') ? 'dangerously ambiguous' : undefined;
}

function containersOf(spec: PodSpec, path: string): readonly (readonly [Container, where: string])[] {
  return [
    ...(spec.initContainers ?? []).map((one, index) => [one, `${path}.initContainers[${index}]`] as const),
    ...spec.containers.map((one, index) => [one, `${path}.containers[${index}]`] as const),
  ];
}
