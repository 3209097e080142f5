/**
 * What a Go client writes for objects with few fields: requests of kubectl v1.35.2, as its log shows them. They tell which
 * fields are written although nobody set them.
 */
import t from 'tap';
import { decodeProtobuf, encodeProtobuf } from '../../../api/protobuf/envelope.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';

const schema = loadSchema();

interface Request {
  /** The command, after `kubectl`. */
  readonly command: string;
  readonly schemaName: string;
  /** The least JSON that says the same. */
  readonly json: object;
  /** Body of the request, in base64. */
  readonly body: string;
}

const requests: readonly Request[] = [
  {
    command: 'create deployment d --image=x --port=80',
    schemaName: 'apps/v1.Deployment',
    json: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', labels: { app: 'd' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'd' } },
        template: {
          metadata: { labels: { app: 'd' } },
          spec: { containers: [{ name: 'x', image: 'x', ports: [{ containerPort: 80 }] }] },
        },
      },
    },
    body: 'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EqcBChsKAWQSABoAIgAqADIAOABCAFoICgNhcHASAWQSeggBEgoKCAoDYXBwEgFkGmIKGgoAEgAaACIAKgAyADgAQgBaCAoDYXBwEgFkEkQSJgoBeBIBeCoAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA',
  },
  {
    command: 'create secret generic s --from-literal=a=b',
    schemaName: 'core/v1.Secret',
    json: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { a: 'Yg==' } },
    body: 'azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=',
  },
  {
    command: 'create service nodeport x --tcp=80:http',
    schemaName: 'core/v1.Service',
    json: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'x', labels: { app: 'x' } },
      spec: {
        ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http' }],
        selector: { app: 'x' },
        type: 'NodePort',
      },
    },
    body: 'azhzAAoNCgJ2MRIHU2VydmljZRJlChsKAXgSABoAIgAqADIAOABCAFoICgNhcHASAXgSQgoeCgc4MC1odHRwEgNUQ1AYUCIKCAEQABoEaHR0cCgAEggKA2FwcBIBeBoAIghOb2RlUG9ydDoAQgBSAFoAYABoABoCCgAaACIA',
  },
  {
    command: 'create namespace n2',
    schemaName: 'core/v1.Namespace',
    json: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n2' } },
    body: 'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhoKEgoCbjISABoAIgAqADIAOABCABIAGgIKABoAIgA=',
  },
  {
    command: 'create role r --verb=get --resource=pods',
    schemaName: 'rbac/v1.Role',
    json: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'r' },
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
    },
    body: 'azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEiIKEQoBchIAGgAiACoAMgA4AEIAEg0KA2dldBIAGgRwb2RzGgAiAA==',
  },
  {
    command: 'create token default --duration=600s',
    schemaName: 'authentication/v1.TokenRequest',
    json: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } },
    body: 'azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIdChAKABIAGgAiACoAMgA4AEIAEgMg2AQaBAoAEgAaACIA',
  },
  {
    command: 'create quota q --hard=pods=3,cpu=500m',
    schemaName: 'core/v1.ResourceQuota',
    json: {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q' },
      spec: { hard: { pods: '3', cpu: '500m' } },
    },
    body: 'azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRIzChEKAXESABoAIgAqADIAOABCABIcCg0KA2NwdRIGCgQ1MDBtCgsKBHBvZHMSAwoBMxoAGgAiAA==',
  },
  {
    command: 'create priorityclass pc --value=-5',
    schemaName: 'scheduling/v1.PriorityClass',
    json: {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'pc' },
      value: -5,
      preemptionPolicy: 'PreemptLowerPriority',
    },
    body: 'azhzAAolChRzY2hlZHVsaW5nLms4cy5pby92MRINUHJpb3JpdHlDbGFzcxI5ChIKAnBjEgAaACIAKgAyADgAQgAQ+///////////ARgAIgAqFFByZWVtcHRMb3dlclByaW9yaXR5GgAiAA==',
  },
  {
    command: 'create cronjob cj --image=x --schedule=* * * * *',
    schemaName: 'batch/v1.CronJob',
    json: {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'cj' },
      spec: {
        schedule: '* * * * *',
        jobTemplate: {
          metadata: { name: 'cj' },
          spec: {
            template: { spec: { containers: [{ name: 'cj', image: 'x' }], restartPolicy: 'OnFailure' } },
          },
        },
      },
    },
    body: 'azhzAAoTCghiYXRjaC92MRIHQ3JvbkpvYhKVAQoSCgJjahIAGgAiACoAMgA4AEIAEn0KCSogKiAqICogKhoAKm4KEgoCY2oSABoAIgAqADIAOABCABJYMlYKEAoAEgAaACIAKgAyADgAQgASQhIbCgJjahIBeCoAQgBqAHIAgAEAiAEAkAEAogEAGglPbkZhaWx1cmUyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBABoAGgAiAA==',
  },
  {
    command: 'create ingress i --rule=a.example/*=svc:80,tls',
    schemaName: 'networking/v1.Ingress',
    json: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'i' },
      spec: {
        tls: [{ hosts: ['a.example'] }],
        rules: [
          {
            host: 'a.example',
            http: {
              paths: [
                {
                  path: '/',
                  backend: { service: { name: 'svc', port: { number: 80 } } },
                  pathType: 'Prefix',
                },
              ],
            },
          },
        ],
      },
    },
    body: 'azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxJVChEKAWkSABoAIgAqADIAOABCABI8Eg0KCWEuZXhhbXBsZRIAGisKCWEuZXhhbXBsZRIeChwKGgoBLxINIgsKA3N2YxIECgAQUBoGUHJlZml4GgIKABoAIgA=',
  },
  {
    command: 'create poddisruptionbudget pdb --selector=a=b --min-available=50%',
    schemaName: 'policy/v1.PodDisruptionBudget',
    json: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'pdb' },
      spec: { minAvailable: '50%', selector: { matchLabels: { a: 'b' } } },
    },
    body: 'azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSOAoTCgNwZGISABoAIgAqADIAOABCABIVCgkIARAAGgM1MCUSCAoGCgFhEgFiGgoIABgAIAAoADAAGgAiAA==',
  },
  {
    command: 'auth can-i get pods',
    schemaName: 'authorization/v1.SelfSubjectAccessReview',
    json: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
    },
    body: 'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPAoQCgASABoAIgAqADIAOABCABIeChwKB2RlZmF1bHQSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=',
  },
];

void t.test('objects with few fields become what Go writes', async (t) => {
  for (const { command, schemaName, json, body } of requests) {
    const bytes = Buffer.from(body, 'base64');
    const hex = bytes.toString('hex');
    t.equal(encodeProtobuf(schema, schemaName, json).toString('hex'), hex, `${command}: from JSON`);
    const read = decodeProtobuf(schema, bytes);
    t.equal(encodeProtobuf(schema, schemaName, read).toString('hex'), hex, `${command}: there and back`);
    // Both are the same object once what is always there has been filled in.
    const filled = decodeObject<object>(schema, schemaName, read).object;
    t.match(filled, decodeObject<object>(schema, schemaName, json).object, command);
    t.equal(
      encodeProtobuf(
        schema,
        schemaName,
        decodeObject<object>(schema, schemaName, read, { fill: false }).object,
      ).toString('hex'),
      hex,
    );
  }
});

void t.test('what nobody set does not appear in the JSON, what somebody set to zero does', async (t) => {
  const text = JSON.stringify(
    requests.map(({ body }) => decodeProtobuf(schema, Buffer.from(body, 'base64'))),
  );
  for (const field of [
    'hostNetwork',
    'generation',
    'clusterIP',
    'suspend',
    'creationTimestamp',
    'globalDefault',
    'nodePort',
  ])
    t.notMatch(text, `"${field}"`, field);
  // Fields without omitempty.
  t.match(text, '"allowed":false');
  t.match(text, '"expectedPods":0');
});
