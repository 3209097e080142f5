import { isDeepStrictEqual } from 'node:util';
import type { CSINode, CSINodeDriver } from '../../../api/generated/storage-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateQualifiedName } from '../../../api/names.js';
import { omit } from '../../omit.js';
import { checkDriverName, checkRequired, checkUnique } from '../checks.js';

const maxNodeIdLength = 192;

export function validateCsiNode({ spec }: CSINode, violations: Violations): void {
  for (const [index, driver] of spec.drivers.entries())
    validateDriver(driver, `spec.drivers[${index}]`, violations);
  checkUnique(
    spec.drivers.map(({ name }) => name),
    (index) => `spec.drivers[${index}].name`,
    violations,
  );
}

function validateDriver(driver: CSINodeDriver, path: string, violations: Violations): void {
  const { name, nodeID, topologyKeys = [], allocatable } = driver;
  checkDriverName(name, `${path}.name`, violations);
  if (checkRequired(nodeID, `${path}.nodeID`, violations) && nodeID.length > maxNodeIdLength)
    violations.invalid(`${path}.nodeID`, nodeID, `must be ${maxNodeIdLength} characters or less`);
  const count = allocatable?.count;
  if (count !== undefined && count < 0)
    violations.invalid(`${path}.allocatable.count`, count, 'must be greater than or equal to 0');
  for (const key of topologyKeys) {
    if (checkRequired(key, `${path}.topologyKeys`, violations))
      violations.invalidEach(`${path}.topologyKeys`, key, validateQualifiedName(key));
  }
  checkUnique(topologyKeys, () => `${path}.topologyKeys`, violations);
}

/** A driver that registers anew with other answers goes away first; only how many volumes fit may change. */
export function validateCsiNodeUpdate({ spec }: CSINode, before: CSINode, violations: Violations): void {
  const identity = (driver: CSINodeDriver): object => omit(driver, 'allocatable');
  for (const old of before.spec.drivers) {
    const driver = spec.drivers.find(({ name }) => name === old.name);
    if (driver !== undefined && !isDeepStrictEqual(identity(driver), identity(old)))
      violations.invalid('CSINodeDriver', driver, 'field is immutable');
  }
}
