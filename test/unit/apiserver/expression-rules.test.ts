/** Expressions in policies, match conditions and device selectors: a mistake is found when the object is written. */
import t from 'tap';
import { problemsOf } from '../../support/validate-object.js';

const rule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };

function policy(spec: object): Promise<string[]> {
  return problemsOf('ValidatingAdmissionPolicy', {
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }], ...spec },
  });
}

const validation = (expression: string, more: object = {}): object => ({
  validations: [{ expression, ...more }],
});

void t.test('policies that compile', async (t) => {
  const cases: readonly object[] = [
    validation('object.spec.replicas <= 5 && oldObject == null'),
    validation('request.operation == "CREATE" && request.userInfo.groups.exists(g, g == "x")'),
    validation('namespaceObject.metadata.labels["env"] == "test"'),
    validation('authorizer.group("apps").resource("deployments").namespace("n").check("create").allowed()'),
    validation(
      'authorizer.requestResource.check("get").allowed() && authorizer.path("/x").check("get").reason() == ""',
    ),
    validation('authorizer.serviceAccount("n", "sa").group("").resource("pods").check("list").errored()'),
    { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, ...validation('params.data.max == "5"') },
    {
      variables: [
        { name: 'containers', expression: 'object.spec.template.spec.containers' },
        { name: 'many', expression: 'variables.containers.size() > 3' },
      ],
      ...validation('!variables.many', { messageExpression: '"no more than " + string(3)' }),
    },
    { auditAnnotations: [{ key: 'k', valueExpression: 'has(object.x) ? string(object.x) : ""' }] },
    { auditAnnotations: [{ key: 'k', valueExpression: 'null' }] },
    { matchConditions: [{ name: 'm', expression: '!request.userInfo.username.startsWith("system:")' }] },
  ];
  for (const spec of cases) t.strictSame(await policy(spec), [], JSON.stringify(spec));
});

void t.test('policies that do not', async (t) => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [
      validation('object.'),
      /^spec\.validations\[0\]\.expression: Invalid value: "object\.": compilation failed: ERROR: <input>:1:8: /,
    ],
    [
      validation('1 + 1'),
      /^spec\.validations\[0\]\.expression: Invalid value: "1 \+ 1": must evaluate to bool but got int$/,
    ],
    [validation('params.x == 1'), /undeclared reference to 'params' \(in container ''\)$/],
    [validation('request.nothing'), /undefined field 'nothing'$/],
    [
      validation('true', { messageExpression: '1' }),
      /^spec\.validations\[0\]\.messageExpression: Invalid value: "1": must evaluate to string but got int$/,
    ],
    [
      validation('true', { messageExpression: 'authorizer.path("/").check("get").reason()' }),
      /undeclared reference to 'authorizer'/,
    ],
    [
      { auditAnnotations: [{ key: 'k', valueExpression: 'true' }] },
      /^spec\.auditAnnotations\[0\]\.valueExpression: Invalid value: "true": must evaluate to one of \[string null\] but got bool$/,
    ],
    [
      { variables: [{ name: 'a', expression: 'variables.b' }] },
      /^spec\.variables\[0\]\.expression: Invalid value: "variables\.b": compilation failed: .*undefined field 'b'$/,
    ],
    [
      { variables: [{ name: 'a', expression: '"text"' }], ...validation('variables.a > 1') },
      /^spec\.validations\[0\]\.expression: .*no such overload: string > int$/,
    ],
    [
      { matchConditions: [{ name: 'm', expression: '"yes"' }] },
      /^spec\.matchConditions\[0\]\.expression: Invalid value: "\\"yes\\"": must evaluate to bool but got string$/,
    ],
  ];
  for (const [spec, message] of cases) {
    const [problem, ...more] = await policy(spec);
    t.match(problem, message, JSON.stringify(spec));
    t.strictSame(more, []);
  }
});

void t.test('match conditions of webhooks', async (t) => {
  const problems = (expression: string): Promise<string[]> =>
    problemsOf('ValidatingWebhookConfiguration', {
      webhooks: [
        {
          name: 'a.b.c',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          clientConfig: { url: 'https://example.com' },
          matchConditions: [{ name: 'm', expression }],
        },
      ],
    });
  t.strictSame(
    await problems('object.metadata.name != "x" && authorizer.requestResource.check("x").allowed()'),
    [],
  );
  const [problem] = await problems('params.x');
  t.match(
    problem,
    /^webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: "params\.x": compilation failed/,
  );
});

void t.test('selectors of devices', async (t) => {
  const problems = (expression: string): Promise<string[]> =>
    problemsOf('DeviceClass', { spec: { selectors: [{ cel: { expression } }] } });
  for (const good of [
    'device.driver == "gpu.example.com"',
    'device.attributes["gpu.example.com"].model == "a" && device.attributes["gpu.example.com"].services.contains("x")',
    'device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("10Gi"))',
    'cel.bind(a, device.attributes["x"], a.one && a.two) && device.allowMultipleAllocations',
    'device.attributes["x"].version.isGreaterThan(semver("1.0.0"))',
    'device.attributes["x"].?any.orValue(false)',
  ])
    t.strictSame(await problems(good), [], good);
  const bad: readonly (readonly [string, RegExp])[] = [
    ['device.nothing', /compilation failed: ERROR: <input>:1:\d+: undefined field 'nothing'$/],
    ['device.driver', /must evaluate to bool or the unknown type, not string$/],
    [
      'device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, true))))',
      /^spec\.selectors\[0\]\.cel\.expression: Forbidden: too complex, exceeds cost limit$/,
    ],
  ];
  for (const [expression, message] of bad) t.match((await problems(expression))[0], message, expression);
});
