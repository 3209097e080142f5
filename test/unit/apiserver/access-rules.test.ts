/** What is refused, with its path and wording: access control, certificates, admission, flow control. */
import t from 'tap';
import { lazyStrategies } from '../../../apiserver/resources/lazy-registry.js';
import { problemsOf, updateProblemsOf } from '../../support/validate-object.js';

const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const webhook = {
  name: 'a.example.com',
  clientConfig: { url: 'https://example.com/a' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const operations = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const flow = { priorityLevelConfiguration: { name: 'p' } };
const user = { kind: 'User', user: { name: 'ada' } };

interface Case {
  readonly kind: string;
  readonly name: string;
  readonly fields: object;
  readonly problems: readonly string[];
}

const cases: readonly Case[] = [
  {
    kind: 'Role',
    name: 'a rule that says nothing',
    fields: { rules: [{ verbs: [] }] },
    problems: [
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ],
  },
  {
    kind: 'Role',
    name: 'a path in a namespace',
    fields: { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
    problems: [
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ],
  },
  {
    kind: 'ClusterRole',
    name: 'paths and resources in one rule',
    fields: { rules: [{ ...rule, nonResourceURLs: ['/x'] }] },
    problems: [
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
  },
  {
    kind: 'ClusterRole',
    name: 'an aggregation of nothing',
    fields: { aggregationRule: {} },
    problems: [
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ],
  },
  {
    kind: 'RoleBinding',
    name: 'no such kind of role or subject',
    fields: {
      roleRef: { kind: 'Rule', name: '' },
      subjects: [
        { kind: 'Robot', name: '' },
        { kind: 'ServiceAccount', name: 'a' },
      ],
    },
    problems: [
      'roleRef.kind: Unsupported value: "Rule": supported values: "ClusterRole", "Role"',
      'roleRef.name: Required value',
      'subjects[0].name: Required value',
      'subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
    ],
  },
  {
    kind: 'ClusterRoleBinding',
    name: 'a role of a namespace, an account of none',
    fields: {
      roleRef: { kind: 'Role', name: 'a/b' },
      subjects: [{ kind: 'ServiceAccount', name: 'a' }],
    },
    problems: [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      'roleRef.name: Invalid value: "a/b": may not contain \'/\'',
      'subjects[0].namespace: Required value',
    ],
  },
  {
    kind: 'CertificateSigningRequest',
    name: 'nothing',
    fields: { spec: {} },
    problems: [
      'spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST',
      'spec.signerName: Required value',
      'spec.usages: Required value',
    ],
  },
  {
    kind: 'ValidatingWebhookConfiguration',
    name: 'a webhook that is complete',
    fields: { webhooks: [{ ...webhook, rules: [operations] }] },
    problems: [],
  },
  {
    kind: 'ValidatingWebhookConfiguration',
    name: 'a webhook of wishes',
    fields: {
      webhooks: [
        {
          name: 'a.b',
          clientConfig: { url: 'http://u@h/?q#f' },
          sideEffects: 'Some',
          admissionReviewVersions: ['v0', 'v0'],
          timeoutSeconds: 31,
          failurePolicy: 'Maybe',
          rules: [
            { operations: ['*', 'CREATE'], apiGroups: [], apiVersions: [''], resources: ['*', 'pods'] },
          ],
        },
      ],
    },
    problems: [
      'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v0": duplicate version',
      'webhooks[0].admissionReviewVersions: Invalid value: ["v0","v0"]: must include at least one of v1, v1beta1',
      'webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations',
      'webhooks[0].rules[0].apiGroups: Required value',
      'webhooks[0].rules[0].apiVersions[0]: Required value',
      'webhooks[0].rules[0].resources: Invalid value: ["*","pods"]: if \'*\' is present, must not specify other resources without subresources',
      'webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
      'webhooks[0].clientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
      'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL',
    ],
  },
  {
    kind: 'MutatingWebhookConfiguration',
    name: 'two of one name, a path that is none',
    fields: {
      webhooks: [
        { ...webhook, reinvocationPolicy: 'Often' },
        { ...webhook, clientConfig: { service: { namespace: '', name: 's', path: 'x' } } },
      ],
    },
    problems: [
      'webhooks[1].clientConfig.service.namespace: Required value: service namespace is required',
      'webhooks[1].clientConfig.service.path: Invalid value: "x": must start with a \'/\'',
      'webhooks[1].name: Duplicate value: "a.example.com"',
      'webhooks[0].reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"',
    ],
  },
  {
    kind: 'ValidatingAdmissionPolicy',
    name: 'nothing',
    fields: { spec: {} },
    problems: [
      'spec.matchConstraints: Required value',
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ],
  },
  {
    kind: 'ValidatingAdmissionPolicy',
    name: 'expressions that are none',
    fields: {
      spec: {
        matchConstraints: { resourceRules: [operations] },
        variables: [
          { name: '1a', expression: '1' },
          { name: 'b', expression: ' ' },
        ],
        validations: [{ expression: '', message: 'a\nb', reason: 'Because' }],
      },
    },
    problems: [
      'spec.variables[0].name: Invalid value: "1a": name is not a valid CEL identifier',
      'spec.variables[1].expression: Required value: expression is not specified',
      'spec.validations[0].expression: Required value: expression is not specified',
      'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
      'spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"',
    ],
  },
  {
    kind: 'ValidatingAdmissionPolicyBinding',
    name: 'denies and warns',
    fields: { spec: { policyName: 'p', validationActions: ['Deny', 'Warn', 'Deny'], paramRef: {} } },
    problems: [
      'spec.paramRef: Required value: one of name or selector must be specified',
      'spec.validationActions[2]: Duplicate value: "Deny"',
      'spec.validationActions: Invalid value: ["Deny","Warn","Deny"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
  },
  {
    kind: 'FlowSchema',
    name: 'what goes nowhere',
    fields: {
      spec: {
        priorityLevelConfiguration: { name: '' },
        matchingPrecedence: 10001,
        rules: [{ subjects: [] }],
      },
    },
    problems: [
      'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
      'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  },
  {
    kind: 'FlowSchema',
    name: 'rules of nothing',
    fields: {
      spec: {
        ...flow,
        matchingPrecedence: 1,
        rules: [
          {
            subjects: [{ kind: 'Group', user: { name: 'x' } }, user],
            resourceRules: [{ verbs: ['*', 'get'], apiGroups: [], resources: ['a', '*'] }],
            nonResourceRules: [{ verbs: ['look'], nonResourceURLs: ['x'] }],
          },
        ],
      },
    },
    problems: [
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
      "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
      'spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs',
      'spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'spec.rules[0].resourceRules[0].resources: Invalid value: ["a","*"]: if \'*\' is present, must not specify other resources',
      'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
      'spec.rules[0].nonResourceRules[0].verbs: Unsupported value: ["look"]: supported values: "connect", "delete", "get", "head", "options", "patch", "post", "put", "trace"',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with \'/\'',
    ],
  },
  {
    kind: 'PriorityLevelConfiguration',
    name: 'a limit without one',
    fields: { spec: { type: 'Limited' } },
    problems: ['spec.limited: Required value: must not be empty when type is Limited'],
  },
  {
    kind: 'PriorityLevelConfiguration',
    name: 'a hand larger than the deck',
    fields: {
      spec: {
        type: 'Limited',
        exempt: {},
        limited: {
          lendablePercent: 101,
          limitResponse: { type: 'Queue', queuing: { queues: 2, handSize: 3 } },
        },
      },
    },
    problems: [
      'spec.exempt: Forbidden: must be nil if the type is Limited',
      'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 3: should not be greater than queues (2)',
    ],
  },
  {
    kind: 'PriorityLevelConfiguration',
    name: 'queues for who is turned away',
    fields: {
      spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject', queuing: {} } } },
    },
    problems: [
      'spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited',
    ],
  },
];

for (const { kind, name, fields, problems } of cases)
  void t.test(`${kind}: ${name}`, async (t) => {
    t.strictSame(await problemsOf(kind, fields), problems);
  });

void t.test('a binding is for one role', async (t) => {
  const binding = (name: string): object => ({ roleRef: { kind: 'ClusterRole', name } });
  for (const kind of ['RoleBinding', 'ClusterRoleBinding'])
    t.match(await updateProblemsOf(kind, binding('a'), binding('b')), [
      /^roleRef: .*: cannot change roleRef$/,
    ]);
});

void t.test('every line of the registry leads to the strategy of its definition', async (t) => {
  for (const late of lazyStrategies) t.equal((await late.load()).definition, late.definition);
});
