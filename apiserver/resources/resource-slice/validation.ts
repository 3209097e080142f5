/** ResourceSlices: the devices that a driver has to offer, on one node, some or all. */
import type {
  CounterSet,
  Device,
  DeviceAttribute,
  ResourceSlice,
  ResourceSliceSpec,
} from '../../../api/generated/resource-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { keyPath } from '../../../api/field-path.js';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
  validateQualifiedName,
} from '../../../api/names.js';
import { checkDriverName, checkImmutable, checkOneOf, checkRequiredName, checkUnique } from '../checks.js';
import { validateIdentifier } from '../resource-claim/device-validation.js';

const maxDevices = 128;
const maxTaints = 16;
const maxAttributesAndCapacities = 32;
const maxAttributeLength = 64;
const maxPoolNameLength = 253;
const effects = ['NoExecute', 'NoSchedule', 'None'];
/** https://semver.org */
const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

export function validateResourceSlice({ spec }: ResourceSlice, violations: Violations): void {
  checkDriverName(spec.driver, 'spec.driver', violations);
  validatePool(spec, violations);
  validateNodes(spec, violations);
  const devices = spec.devices ?? [];
  if (devices.length > maxDevices) violations.tooMany('spec.devices', devices.length, maxDevices);
  for (const [index, device] of devices.entries())
    validateDevice(device, spec, `spec.devices[${index}]`, violations);
  checkUnique(
    devices.map(({ name }) => name),
    (index) => `spec.devices[${index}].name`,
    violations,
  );
  validateCounters(spec.sharedCounters ?? [], violations);
}

function validatePool({ pool }: ResourceSliceSpec, violations: Violations): void {
  if (pool.name === '') violations.required('spec.pool.name');
  else {
    if (pool.name.length > maxPoolNameLength) violations.tooLong('spec.pool.name', maxPoolNameLength);
    for (const part of pool.name.split('/'))
      violations.invalidEach('spec.pool.name', part, validateDns1123Subdomain(part));
  }
  if (pool.resourceSliceCount <= 0)
    violations.invalid('spec.pool.resourceSliceCount', pool.resourceSliceCount, 'must be greater than zero');
  if (pool.generation < 0)
    violations.invalid('spec.pool.generation', pool.generation, 'must be greater than or equal to zero');
}

/** The ways to say where devices are; exactly one of them is used. */
function placesOf(place: {
  readonly nodeName?: string;
  readonly nodeSelector?: object;
  readonly allNodes?: boolean;
}): string[] {
  return [
    ...((place.nodeName ?? '') === '' ? [] : ['nodeName']),
    ...(place.nodeSelector === undefined ? [] : ['nodeSelector']),
    ...(place.allNodes === true ? ['allNodes'] : []),
  ];
}

function validateNodes(spec: ResourceSliceSpec, violations: Violations): void {
  const set = [
    ...placesOf(spec),
    ...(spec.perDeviceNodeSelection === true ? ['perDeviceNodeSelection'] : []),
  ];
  const choice = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`';
  if (set.length === 0) violations.required('spec', `exactly one of ${choice} is required`);
  if (set.length > 1)
    violations.invalid(
      'spec',
      `{${set.map((name) => `\`${name}\``).join(', ')}}`,
      `exactly one of ${choice} is required, but multiple fields are set`,
    );
  if (spec.nodeName !== undefined && spec.nodeName !== '')
    violations.invalidEach('spec.nodeName', spec.nodeName, validateDns1123Subdomain(spec.nodeName));
}

function validateDevice(device: Device, spec: ResourceSliceSpec, path: string, violations: Violations): void {
  checkRequiredName(device.name, validateDns1123Label, `${path}.name`, violations);
  const { attributes = {}, capacity = {}, taints = [] } = device;
  const total = Object.keys(attributes).length + Object.keys(capacity).length;
  if (total > maxAttributesAndCapacities)
    violations.invalid(
      path,
      total,
      `the total number of attributes and capacities must not exceed ${maxAttributesAndCapacities}`,
    );
  for (const [name, attribute] of Object.entries(attributes)) {
    const at = keyPath(`${path}.attributes`, name);
    validateAttributeName(name, at, violations);
    validateAttribute(attribute, at, violations);
  }
  for (const name of Object.keys(capacity))
    validateAttributeName(name, keyPath(`${path}.capacity`, name), violations);
  const perDevice = spec.perDeviceNodeSelection === true;
  const places = placesOf(device);
  if (perDevice && places.length !== 1)
    violations.required(
      path,
      'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
    );
  if (!perDevice)
    for (const place of places)
      violations.invalid(
        `${path}.${place}`,
        device[place as 'nodeName' | 'nodeSelector' | 'allNodes'],
        `\`${place}\` field can only be set if the \`perDeviceNodeSelection\` field is set to true in the ResourceSlice spec`,
      );
  if (taints.length > maxTaints) violations.tooMany(`${path}.taints`, taints.length, maxTaints);
  for (const [index, { key, value = '', effect }] of taints.entries()) {
    const at = `${path}.taints[${index}]`;
    checkRequiredName(key, validateQualifiedName, `${at}.key`, violations);
    violations.invalidEach(`${at}.value`, value, validateLabelValue(value));
    checkOneOf(effect, effects, `${at}.effect`, violations);
  }
}

/** `numa`, or `dra.example.com/numa` for an attribute of somebody else. */
function validateAttributeName(name: string, path: string, violations: Violations): void {
  const slash = name.indexOf('/');
  if (slash >= 0)
    violations.invalidEach(path, name.slice(0, slash), validateDns1123Subdomain(name.slice(0, slash)));
  const identifier = name.slice(slash + 1);
  if (identifier === '') violations.required(path, 'the name must not be empty');
  else validateIdentifier(identifier, path, violations);
}

function validateAttribute(attribute: DeviceAttribute, path: string, violations: Violations): void {
  const count = Object.values(attribute).filter((value) => value !== undefined).length;
  if (count === 0) violations.required(path, 'exactly one value must be specified');
  if (count > 1) violations.invalid(path, attribute, 'exactly one value must be specified');
  for (const field of ['string', 'version'] as const) {
    const value = attribute[field];
    if (value !== undefined && value.length > maxAttributeLength)
      violations.tooLong(`${path}.${field}`, maxAttributeLength);
  }
  if (attribute.version !== undefined && !semanticVersion.test(attribute.version))
    violations.invalid(
      `${path}.version`,
      attribute.version,
      'must be a string compatible with semver.org spec 2.0.0',
    );
}

function validateCounters(sets: readonly CounterSet[], violations: Violations): void {
  for (const [index, { name, counters }] of sets.entries()) {
    const path = `spec.sharedCounters[${index}]`;
    checkRequiredName(name, validateDns1123Label, `${path}.name`, violations);
    if (Object.keys(counters).length === 0) violations.required(`${path}.counters`);
    for (const counter of Object.keys(counters))
      violations.invalidEach(keyPath(`${path}.counters`, counter), counter, validateDns1123Label(counter));
  }
  checkUnique(
    sets.map(({ name }) => name),
    (index) => `spec.sharedCounters[${index}].name`,
    violations,
  );
}

/** Whose devices they are and where stays; which they are may change. */
export function validateResourceSliceUpdate(
  { spec }: ResourceSlice,
  before: ResourceSlice,
  violations: Violations,
): void {
  for (const field of ['driver', 'nodeName'] as const)
    checkImmutable(spec[field], before.spec[field], `spec.${field}`, violations);
  checkImmutable(spec.pool.name, before.spec.pool.name, 'spec.pool.name', violations);
}
