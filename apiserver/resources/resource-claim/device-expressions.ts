/** Selectors of devices in CEL: whether they compile, and what they may cost. */
import { compileExpression, CelCompileError, createEnvironment } from '../../../api/cel/expression.js';
import type { Environment } from '../../../api/cel/expression.js';
import type { Bounds } from '../../../api/cel/estimate-cost.js';
import { structClass } from '../../../api/cel/struct-class.js';
import type { Violations } from '../../../api/field-path.js';

const maxSelectorCost = 1_000_000;
const maxAttributes = 32;
const maxAttributeLength = 64;
const maxDriverLength = 63;

const attributes: Bounds = {
  maxSize: maxAttributes,
  keys: { maxSize: maxDriverLength },
  items: {
    maxSize: maxAttributes,
    keys: { maxSize: maxAttributeLength },
    items: { maxSize: maxAttributeLength },
    anyField: { maxSize: maxAttributeLength },
  },
};
const bounds: ReadonlyMap<string, Bounds> = new Map([
  [
    'device',
    {
      maxSize: 0,
      fields: new Map<string, Bounds>([
        ['driver', { maxSize: maxDriverLength }],
        ['attributes', attributes],
        ['capacity', attributes],
      ]),
    },
  ],
]);

let environment: Environment | undefined;

/** `device` is what a driver says of one: attributes and capacities, by the domain of their names. */
function deviceEnvironment(): Environment {
  if (environment !== undefined) return environment;
  environment = createEnvironment();
  environment.registerType('Device', {
    ctor: structClass(),
    fields: {
      driver: 'string',
      allowMultipleAllocations: 'bool',
      attributes: 'map<string, map<string, dyn>>',
      capacity: 'map<string, map<string, Quantity>>',
    },
  });
  return environment.registerVariable('device', 'Device');
}

export function checkDeviceExpression(text: string, path: string, violations: Violations): void {
  try {
    const expression = compileExpression(deviceEnvironment(), text);
    if (expression.type !== 'bool' && expression.type !== 'dyn')
      violations.invalid(path, text, `must evaluate to bool or the unknown type, not ${expression.type}`);
    else if (expression.estimateCost(bounds) > maxSelectorCost)
      violations.forbidden(path, 'too complex, exceeds cost limit');
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    violations.invalid(path, text, error.message);
  }
}
