/** `format.dns1123Label().validate(text)`: the forms of names and texts that Kubernetes has a name for. */
import type { Environment } from '@marcbachmann/cel-js';
import { Optional } from '@marcbachmann/cel-js';
import { hasFormat } from '../custom-resources/formats.js';
import {
  validateDns1035Label,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
  validateNamePrefix,
  validateQualifiedName,
} from '../names.js';

type Check = (text: string) => readonly string[];

/** An argument of a function: the type checker has looked at it. */
type Value = never;

const ofFormat =
  (format: string, problem: string): Check =>
  (text) =>
    hasFormat(format, text) ? [] : [problem];

const checks: Readonly<Record<string, Check>> = {
  dns1123Label: validateDns1123Label,
  dns1123Subdomain: validateDns1123Subdomain,
  dns1035Label: validateDns1035Label,
  qualifiedName: validateQualifiedName,
  dns1123LabelPrefix: (text) => validateNamePrefix(validateDns1123Label, text),
  dns1123SubdomainPrefix: (text) => validateNamePrefix(validateDns1123Subdomain, text),
  dns1035LabelPrefix: (text) => validateNamePrefix(validateDns1035Label, text),
  labelValue: validateLabelValue,
  uri: (text) => (URL.canParse(text) ? [] : ['invalid URI']),
  uuid: ofFormat('uuid', 'does not match the UUID format'),
  byte: ofFormat('byte', 'invalid base64'),
  date: ofFormat('date', 'invalid date'),
  datetime: ofFormat('datetime', 'invalid datetime'),
};

/** The name before `format.named(…)`. */
class FormatNamespace {
  readonly name = 'format';
}

export class FormatValue {
  readonly name: string;
  readonly check: Check;
  constructor(name: string, check: Check) {
    this.name = name;
    this.check = check;
  }
}

export function registerNamedFormats(environment: Environment): void {
  const add = (signature: string, handler: (...values: Value[]) => unknown): void => {
    environment.registerFunction(signature, handler);
  };
  environment.registerType('Format', { ctor: FormatValue, fields: {} });
  environment.registerType('FormatNamespace', { ctor: FormatNamespace, fields: {} });
  environment.registerConstant('format', 'FormatNamespace', new FormatNamespace());
  const formats = new Map(
    Object.entries(checks).map(([name, check]) => [name, new FormatValue(name, check)]),
  );
  for (const [name, format] of formats) add(`FormatNamespace.${name}(): Format`, () => format);
  add('FormatNamespace.named(string): optional<Format>', (_: FormatNamespace, name: string) => {
    const found = formats.get(name);
    return found === undefined ? Optional.none() : Optional.of(found);
  });
  add('Format.validate(string): optional<list<string>>', ({ check }: FormatValue, text: string) => {
    const problems = check(text);
    return problems.length === 0 ? Optional.none() : Optional.of([...problems]);
  });
  environment.registerOperator('Format == Format', (a: FormatValue, b: FormatValue) => a.name === b.name);
}
