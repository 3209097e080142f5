import t from 'tap';
import { fieldPath, keyPath, Violations } from '../../../api/field-path.js';
import * as names from '../../../api/names.js';
import { invalid } from '../../../api/status-error.js';

void t.test('names that are valid, and names that are not', async (t) => {
  const long = (length: number): string => 'a'.repeat(length);
  const cases: [names.NameCheck, string[], string[]][] = [
    [names.validateDns1123Label, ['a', '0', 'a-b', long(63)], ['', '-a', 'a-', 'A', 'a.b', 'a_b', long(64)]],
    [names.validateDns1123Subdomain, ['a', 'a.b-c.0', long(253)], ['', '.a', 'a..b', 'A', long(254)]],
    [names.validateDns1035Label, ['a', 'a-0'], ['', '0a', 'a-', 'A', long(64)]],
    [
      names.validateQualifiedName,
      ['a', 'A_b.c', 'example.com/a', long(63)],
      ['', '/a', 'a/', 'a/b/c', 'EXAMPLE/a', '-a', long(64)],
    ],
    [names.validateLabelValue, ['', 'a', 'A_b-c.0', long(63)], ['-', 'a b', 'a-', long(64)]],
    [names.validateEnvVarName, ['A', 'a.b-c', '0a', 'a b', '$'], ['', 'a=b', 'ä', 'a\n']],
    [names.validateConfigMapKey, ['a', '.a', 'A_b-c.0', long(253)], ['', '.', '..', '..a', 'a/b', long(254)]],
    [names.validatePortName, ['http', 'a-1', '0a'], ['', 'HTTP', '-a', 'a-', 'a--b', '80', long(16)]],
  ];
  for (const [check, valid, wrong] of cases) {
    for (const value of valid) t.strictSame(check(value), [], `${check.name} takes "${value}"`);
    for (const value of wrong) t.ok(check(value).length > 0, `${check.name} refuses "${value}"`);
  }
  t.strictSame(names.validatePortNumber(65535), []);
  for (const port of [0, -1, 65536, 1.5])
    t.strictSame(names.validatePortNumber(port), ['must be between 1 and 65535, inclusive']);
  t.strictSame(names.validateNamePrefix(names.validateDns1123Label, 'web-'), []);
  t.ok(names.validateNamePrefix(names.validateDns1123Label, '-web').length > 0);
});

void t.test('the wording of violations', async (t) => {
  const violations = new Violations();
  t.notOk(violations.any);
  const path = fieldPath('spec', 'containers', 0, 'name');
  violations.required(path);
  violations.required('spec.selector', 'needed');
  violations.invalidEach(path, 'A b', names.validateDns1123Label('A b'));
  violations.notSupported('spec.restartPolicy', 'Often', ['Never', 'Always']);
  violations.duplicate(path, 'a');
  violations.forbidden('spec.nodeName', 'field is immutable');
  violations.tooLong(keyPath('data', 'a.b'), 10);
  violations.notFound('spec.volumes[0].name', 'v');
  violations.invalid('spec.replicas', -1, 'must be greater than or equal to 0');
  t.ok(violations.any);
  const texts = violations.causes.map(({ field = '', message = '' }) => `${field}: ${message}`);
  t.strictSame(texts, [
    'spec.containers[0].name: Required value',
    'spec.selector: Required value: needed',
    `spec.containers[0].name: Invalid value: "A b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    'spec.restartPolicy: Unsupported value: "Often": supported values: "Always", "Never"',
    'spec.containers[0].name: Duplicate value: "a"',
    'spec.nodeName: Forbidden: field is immutable',
    'data[a.b]: Too long: may not be more than 10 bytes',
    'spec.volumes[0].name: Not found: "v"',
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ]);
  t.strictSame(
    violations.causes.map(({ reason }) => reason),
    [
      'FieldValueRequired',
      'FieldValueRequired',
      'FieldValueInvalid',
      'FieldValueNotSupported',
      'FieldValueDuplicate',
      'FieldValueForbidden',
      'FieldValueTooLong',
      'FieldValueNotFound',
      'FieldValueInvalid',
    ],
  );
  const error = invalid({ group: 'apps', resource: 'deployments', kind: 'Deployment' }, 'web', [
    ...violations.causes.slice(0, 2),
  ]);
  t.equal(
    error.message,
    'Deployment.apps "web" is invalid: [spec.containers[0].name: Required value, spec.selector: Required value: needed]',
  );
});
