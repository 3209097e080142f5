/** The smallest valid object of each kind that few clusters are without: what tests create, print and delete. */
import * as resources from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';

export interface SmallObject {
  readonly definition: ResourceDefinition;
  /** Without apiVersion and kind; the name is made here unless the object brings one. */
  readonly fields: object;
  readonly name?: string;
  /** Headers of `kubectl get -o wide`. */
  readonly columns: readonly string[];
  /** Cells of the row, ages and times left out. */
  readonly cells: readonly string[];
}

const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const subjects = [
  { kind: 'User', name: 'ada' },
  { kind: 'Group', name: 'staff' },
  { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
];
const webhooks = [
  {
    name: 'a.example.com',
    clientConfig: { url: 'https://127.0.0.1:1/a' },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  },
];
const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpus' } }] };

function small(
  definition: unknown,
  fields: object,
  columns: string,
  cells: readonly string[],
  name?: string,
): SmallObject {
  const known = definition as ResourceDefinition;
  const rest = { fields, columns: columns.split(' '), cells };
  return name === undefined ? { definition: known, ...rest } : { definition: known, name, ...rest };
}

export const smallObjects: readonly SmallObject[] = [
  small(resources.roles, { rules: [rule] }, 'NAME CREATED_AT', []),
  small(resources.clusterRoles, { rules: [rule] }, 'NAME CREATED_AT', []),
  small(
    resources.roleBindings,
    { subjects, roleRef: { kind: 'Role', name: 'r' } },
    'NAME ROLE AGE USERS GROUPS SERVICEACCOUNTS',
    ['Role/r', 'ada', 'staff', 'default/robot'],
  ),
  small(
    resources.clusterRoleBindings,
    { subjects, roleRef: { kind: 'ClusterRole', name: 'r' } },
    'NAME ROLE AGE USERS GROUPS SERVICEACCOUNTS',
    ['ClusterRole/r', 'ada', 'staff', 'default/robot'],
  ),
  small(
    resources.storageClasses,
    { provisioner: 'example.com/disk' },
    'NAME PROVISIONER RECLAIMPOLICY VOLUMEBINDINGMODE ALLOWVOLUMEEXPANSION AGE',
    ['example.com/disk', 'Delete', 'Immediate', 'false'],
  ),
  small(
    resources.volumeAttachments,
    { spec: { attacher: 'example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
    'NAME ATTACHER PV NODE ATTACHED AGE',
    ['example.com', 'v', 'n', 'false'],
  ),
  small(
    resources.csiDrivers,
    { spec: {} },
    'NAME ATTACHREQUIRED PODINFOONMOUNT STORAGECAPACITY TOKENREQUESTS REQUIRESREPUBLISH MODES AGE',
    ['true', 'false', 'false', '<unset>', 'false', 'Persistent'],
  ),
  small(resources.csiNodes, { spec: { drivers: [{ name: 'd', nodeID: 'n' }] } }, 'NAME DRIVERS AGE', ['1']),
  small(
    resources.csiStorageCapacities,
    { storageClassName: 'c', capacity: '1Gi' },
    'NAME STORAGECLASSNAME CAPACITY',
    ['c', '1Gi'],
  ),
  small(
    resources.volumeAttributesClasses,
    { driverName: 'example.com', parameters: { a: 'b' } },
    'NAME DRIVERNAME AGE',
    ['example.com'],
  ),
  small(
    resources.ingresses,
    {
      spec: {
        ingressClassName: 'c',
        tls: [{}],
        rules: [
          {
            host: 'a.example',
            http: {
              paths: [
                { path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } },
              ],
            },
          },
        ],
      },
    },
    'NAME CLASS HOSTS ADDRESS PORTS AGE',
    ['c', 'a.example', '80, 443'],
  ),
  small(
    resources.ingressClasses,
    { spec: { controller: 'example.com/c' } },
    'NAME CONTROLLER PARAMETERS AGE',
    ['example.com/c', '<none>'],
  ),
  small(
    resources.networkPolicies,
    { spec: { podSelector: { matchLabels: { app: 'web' } } } },
    'NAME POD-SELECTOR AGE',
    ['app=web'],
  ),
  small(
    resources.ipAddresses,
    { spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } } },
    'NAME PARENTREF AGE',
    ['services/default/s'],
    '10.96.0.77',
  ),
  small(resources.serviceCidrs, { spec: { cidrs: ['10.200.0.0/16'] } }, 'NAME CIDRS AGE', ['10.200.0.0/16']),
  small(resources.runtimeClasses, { handler: 'runsc' }, 'NAME HANDLER AGE', ['runsc']),
  small(resources.mutatingWebhookConfigurations, { webhooks }, 'NAME WEBHOOKS AGE', ['1']),
  small(resources.validatingWebhookConfigurations, { webhooks }, 'NAME WEBHOOKS AGE', ['1']),
  small(
    resources.validatingAdmissionPolicies,
    {
      spec: {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConstraints: { resourceRules: webhooks[0]?.rules },
        validations: [{ expression: 'true' }],
      },
    },
    'NAME VALIDATIONS PARAMKIND AGE',
    ['1', 'v1/ConfigMap'],
  ),
  small(
    resources.validatingAdmissionPolicyBindings,
    { spec: { policyName: 'p', validationActions: ['Deny'] } },
    'NAME POLICYNAME PARAMREF AGE',
    ['p', '<unset>'],
  ),
  small(
    resources.flowSchemas,
    { spec: { priorityLevelConfiguration: { name: 'p' } } },
    'NAME PRIORITYLEVEL MATCHINGPRECEDENCE DISTINGUISHERMETHOD AGE MISSINGPL',
    ['p', '1000', '<none>', '?'],
  ),
  small(
    resources.priorityLevelConfigurations,
    { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } },
    'NAME TYPE NOMINALCONCURRENCYSHARES QUEUES HANDSIZE QUEUELENGTHLIMIT AGE',
    ['Limited', '30', '64', '8', '50'],
  ),
  small(resources.deviceClasses, { spec: {} }, 'NAME AGE', []),
  small(resources.resourceClaims, { spec: { devices } }, 'NAME STATE AGE', ['pending']),
  small(resources.resourceClaimTemplates, { spec: { spec: { devices } } }, 'NAME AGE', []),
  small(
    resources.resourceSlices,
    {
      spec: {
        driver: 'example.com',
        nodeName: 'n',
        pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'd' }],
      },
    },
    'NAME NODE DRIVER POOL AGE',
    ['n', 'example.com', 'p'],
  ),
];
