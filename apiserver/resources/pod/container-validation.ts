/** Validation of containers: names, images, ports, environment, mounts, probes, resources. */
import type {
  Container,
  ContainerPort,
  EnvVar,
  LifecycleHandler,
  Probe,
  ResourceRequirements,
} from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  validateDns1123Label,
  validateEnvVarName,
  validatePortName,
  validatePortNumber,
  validateQualifiedName,
} from '../../../api/names.js';
import { compareQuantities } from '../../../api/quantity.js';

export interface ContainerScope {
  readonly volumeNames: ReadonlySet<string>;
  readonly hostNetwork: boolean;
  /** Of the Pod. */
  readonly restartPolicy: string | undefined;
  /** Names taken by containers that were checked before. */
  readonly takenNames: Set<string>;
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];
const protocols = ['TCP', 'UDP', 'SCTP'];

export function validateContainers(
  containers: readonly Container[],
  path: string,
  scope: ContainerScope,
  violations: Violations,
): void {
  for (const [index, container] of containers.entries()) {
    const at = `${path}[${index}]`;
    validateContainer(container, at, scope, violations);
    if (path === 'spec.initContainers' || path.endsWith('.initContainers'))
      validateInitContainer(container, at, violations);
  }
}

function validateContainer(
  container: Container,
  path: string,
  scope: ContainerScope,
  violations: Violations,
): void {
  if (container.name === '') violations.required(`${path}.name`);
  else {
    violations.invalidEach(`${path}.name`, container.name, validateDns1123Label(container.name));
    if (scope.takenNames.has(container.name)) violations.duplicate(`${path}.name`, container.name);
    scope.takenNames.add(container.name);
  }
  const image = container.image ?? '';
  if (image === '') violations.required(`${path}.image`);
  else if (image.trim() !== image)
    violations.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
  oneOf(container.imagePullPolicy, pullPolicies, `${path}.imagePullPolicy`, violations);
  oneOf(container.terminationMessagePolicy, messagePolicies, `${path}.terminationMessagePolicy`, violations);
  validatePorts(container.ports ?? [], `${path}.ports`, scope.hostNetwork, violations);
  validateEnvironment(container.env ?? [], `${path}.env`, violations);
  validateEnvFrom(container, path, violations);
  validateMounts(container, path, scope.volumeNames, violations);
  if (container.resources !== undefined)
    validateResources(container.resources, `${path}.resources`, violations);
  validateResizePolicy(container, `${path}.resizePolicy`, scope, violations);
  validateProbes(container, path, violations);
  validateHandlers(container, path, violations);
}

function oneOf(
  value: string | undefined,
  supported: readonly string[],
  path: string,
  violations: Violations,
): void {
  if (value !== undefined && !supported.includes(value)) violations.notSupported(path, value, supported);
}

function validateInitContainer(container: Container, path: string, violations: Violations): void {
  if (container.restartPolicy === 'Always') return;
  if (container.restartPolicy !== undefined)
    violations.notSupported(`${path}.restartPolicy`, container.restartPolicy, ['Always']);
  for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[field] !== undefined)
      violations.forbidden(
        `${path}.${field}`,
        'may not be set for init containers without restartPolicy=Always',
      );
  }
}

function validatePorts(
  ports: readonly ContainerPort[],
  path: string,
  hostNetwork: boolean,
  violations: Violations,
): void {
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `${path}[${index}]`;
    if (port.name !== undefined && port.name !== '') {
      violations.invalidEach(`${at}.name`, port.name, validatePortName(port.name));
      if (names.has(port.name)) violations.duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    if (port.containerPort === 0) violations.required(`${at}.containerPort`);
    else
      violations.invalidEach(
        `${at}.containerPort`,
        port.containerPort,
        validatePortNumber(port.containerPort),
      );
    const hostPort = port.hostPort ?? 0;
    if (hostPort !== 0) violations.invalidEach(`${at}.hostPort`, hostPort, validatePortNumber(hostPort));
    if (hostNetwork && hostPort !== 0 && hostPort !== port.containerPort)
      violations.invalid(`${at}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    oneOf(port.protocol, protocols, `${at}.protocol`, violations);
  }
}

function validateEnvironment(variables: readonly EnvVar[], path: string, violations: Violations): void {
  for (const [index, variable] of variables.entries()) {
    const at = `${path}[${index}]`;
    if (variable.name === '') violations.required(`${at}.name`);
    else violations.invalidEach(`${at}.name`, variable.name, validateEnvVarName(variable.name));
    const source = variable.valueFrom;
    if (source === undefined) continue;
    const given = Object.values(source).filter((one) => one !== undefined).length;
    if ((variable.value ?? '') !== '') {
      if (given > 0)
        violations.invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty');
    } else if (given === 0) {
      violations.invalid(
        `${at}.valueFrom`,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      );
    } else if (given > 1)
      violations.invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time');
    validateEnvSource(source, `${at}.valueFrom`, violations);
  }
}

function validateEnvSource(
  source: NonNullable<EnvVar['valueFrom']>,
  path: string,
  violations: Violations,
): void {
  if (source.fieldRef?.fieldPath === '') violations.required(`${path}.fieldRef.fieldPath`);
  if (source.resourceFieldRef?.resource === '') violations.required(`${path}.resourceFieldRef.resource`);
  if (source.configMapKeyRef?.key === '') violations.required(`${path}.configMapKeyRef.key`);
  if (source.secretKeyRef?.key === '') violations.required(`${path}.secretKeyRef.key`);
}

function validateEnvFrom(container: Container, path: string, violations: Violations): void {
  for (const [index, source] of (container.envFrom ?? []).entries()) {
    const at = `${path}.envFrom[${index}]`;
    const given = [source.configMapRef, source.secretRef].filter((one) => one !== undefined).length;
    if (given === 0) violations.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`');
    if (given > 1) violations.invalid(at, '', 'may not have more than one field specified at a time');
  }
}

function validateMounts(
  container: Container,
  path: string,
  volumeNames: ReadonlySet<string>,
  violations: Violations,
): void {
  const mountPaths = new Set<string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    if (mount.name === '') violations.required(`${at}.name`);
    else if (!volumeNames.has(mount.name)) violations.notFound(`${at}.name`, mount.name);
    if (mount.mountPath === '') violations.required(`${at}.mountPath`);
    else if (mountPaths.has(mount.mountPath))
      violations.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique');
    mountPaths.add(mount.mountPath);
    const subPath = mount.subPath ?? '';
    if (subPath.startsWith('/')) violations.invalid(`${at}.subPath`, subPath, 'must be a relative path');
    if (subPath.split('/').includes('..'))
      violations.invalid(`${at}.subPath`, subPath, "must not contain '..'");
    if (subPath !== '' && (mount.subPathExpr ?? '') !== '')
      violations.invalid(
        `${at}.subPathExpr`,
        mount.subPathExpr,
        'subPathExpr and subPath are mutually exclusive',
      );
  }
}

function validateResizePolicy(
  { resizePolicy = [], restartPolicy }: Container,
  path: string,
  scope: ContainerScope,
  violations: Violations,
): void {
  const seen = new Set<string>();
  const neverAgain = (restartPolicy ?? scope.restartPolicy) === 'Never';
  for (const policy of resizePolicy) {
    if (seen.has(policy.resourceName)) violations.duplicate(path, policy.resourceName);
    seen.add(policy.resourceName);
    oneOf(policy.resourceName, ['cpu', 'memory'], path, violations);
    oneOf(policy.restartPolicy, ['NotRequired', 'RestartContainer'], path, violations);
    if (neverAgain && policy.restartPolicy === 'RestartContainer')
      violations.invalid(path, policy.restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
  }
}

/** Amounts are not negative, and nothing is requested beyond its limit. */
export function validateResources(
  resources: ResourceRequirements,
  path: string,
  violations: Violations,
): void {
  const limits = resources.limits ?? {};
  const requests = resources.requests ?? {};
  for (const [list, amounts] of Object.entries({ limits, requests })) {
    for (const [name, amount] of Object.entries(amounts)) {
      violations.invalidEach(`${path}.${list}`, name, validateQualifiedName(name));
      if (compareQuantities(amount, '0') < 0)
        violations.invalid(`${path}.${list}[${name}]`, amount, 'must be greater than or equal to 0');
    }
  }
  for (const [name, amount] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined && compareQuantities(amount, limit) > 0)
      violations.invalid(
        `${path}.requests`,
        amount,
        `must be less than or equal to ${name} limit of ${limit}`,
      );
  }
}

function validateProbes(container: Container, path: string, violations: Violations): void {
  const probes = {
    livenessProbe: container.livenessProbe,
    readinessProbe: container.readinessProbe,
    startupProbe: container.startupProbe,
  };
  for (const [name, probe] of Object.entries(probes)) {
    if (probe === undefined) continue;
    validateProbe(probe, `${path}.${name}`, violations);
    if (name !== 'readinessProbe' && (probe.successThreshold ?? 1) !== 1)
      violations.invalid(`${path}.${name}.successThreshold`, probe.successThreshold, 'must be 1');
  }
}

function validateProbe(probe: Probe, path: string, violations: Violations): void {
  validateHandler(
    {
      exec: probe.exec,
      httpGet: probe.httpGet,
      tcpSocket: probe.tcpSocket,
      grpc: probe.grpc,
    },
    path,
    violations,
  );
  const numbers = {
    initialDelaySeconds: probe.initialDelaySeconds,
    timeoutSeconds: probe.timeoutSeconds,
    periodSeconds: probe.periodSeconds,
    successThreshold: probe.successThreshold,
    failureThreshold: probe.failureThreshold,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined && value < 0)
      violations.invalid(`${path}.${name}`, value, 'must be greater than or equal to 0');
  }
}

function validateHandlers(container: Container, path: string, violations: Violations): void {
  const handlers: Readonly<Record<string, LifecycleHandler | undefined>> = {
    postStart: container.lifecycle?.postStart,
    preStop: container.lifecycle?.preStop,
  };
  for (const [name, handler] of Object.entries(handlers)) {
    if (handler !== undefined) validateHandler({ ...handler }, `${path}.lifecycle.${name}`, violations);
  }
}

function validateHandler(
  handler: {
    readonly exec?: { readonly command?: readonly string[] } | undefined;
    readonly httpGet?: { readonly port: number | string } | undefined;
    readonly tcpSocket?: { readonly port: number | string } | undefined;
    readonly grpc?: { readonly port: number } | undefined;
  },
  path: string,
  violations: Violations,
): void {
  const given = Object.entries(handler).filter(([, action]) => action !== undefined);
  if (given.length === 0) violations.required(path, 'must specify a handler type');
  for (const [name] of given.slice(1))
    violations.forbidden(`${path}.${name}`, 'may not specify more than 1 handler type');
  if (handler.exec !== undefined && (handler.exec.command ?? []).length === 0)
    violations.required(`${path}.exec.command`);
  if (handler.httpGet !== undefined)
    validatePortReference(handler.httpGet.port, `${path}.httpGet.port`, violations);
  if (handler.tcpSocket !== undefined)
    validatePortReference(handler.tcpSocket.port, `${path}.tcpSocket.port`, violations);
  if (handler.grpc !== undefined)
    violations.invalidEach(`${path}.grpc.port`, handler.grpc.port, validatePortNumber(handler.grpc.port));
}

/** A port by number or by the name of a container port. */
export function validatePortReference(port: number | string, path: string, violations: Violations): void {
  violations.invalidEach(
    path,
    port,
    typeof port === 'number' ? validatePortNumber(port) : validatePortName(port),
  );
}
