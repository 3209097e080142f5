/**
 * The FlowSchemas and PriorityLevelConfigurations that every cluster begins with, as Kubernetes suggests them. Two of
 * each are mandatory: without them there would be requests that belong nowhere.
 */
import type {
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '../../api/generated/flowcontrol-v1.js';

export interface DefaultObject<Spec> {
  readonly name: string;
  readonly mandatory: boolean;
  readonly spec: Spec;
}

export const exemptName = 'exempt';
export const catchAllName = 'catch-all';

interface Limits {
  readonly shares: number;
  readonly lendablePercent: number;
  readonly queues: number;
  readonly handSize: number;
}

const queueLengthLimit = 50;

function queuing({ shares, lendablePercent, queues, handSize }: Limits): PriorityLevelConfigurationSpec {
  return {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit } },
    },
  };
}

function suggestedLevel(name: string, limits: Limits): DefaultObject<PriorityLevelConfigurationSpec> {
  return { name, mandatory: false, spec: queuing(limits) };
}

export const defaultPriorityLevels: readonly DefaultObject<PriorityLevelConfigurationSpec>[] = [
  {
    name: exemptName,
    mandatory: true,
    spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
  {
    name: catchAllName,
    mandatory: true,
    spec: {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
    },
  },
  suggestedLevel('system', { shares: 30, lendablePercent: 33, queues: 64, handSize: 6 }),
  suggestedLevel('node-high', { shares: 40, lendablePercent: 25, queues: 64, handSize: 6 }),
  suggestedLevel('leader-election', { shares: 10, lendablePercent: 0, queues: 16, handSize: 4 }),
  suggestedLevel('workload-high', { shares: 40, lendablePercent: 50, queues: 128, handSize: 6 }),
  suggestedLevel('workload-low', { shares: 100, lendablePercent: 90, queues: 128, handSize: 6 }),
  suggestedLevel('global-default', { shares: 20, lendablePercent: 50, queues: 128, handSize: 6 }),
];

const controllerManager: Subject = { kind: 'User', user: { name: 'system:kube-controller-manager' } };
const scheduler: Subject = { kind: 'User', user: { name: 'system:kube-scheduler' } };
const nodes: Subject = { kind: 'Group', group: { name: 'system:nodes' } };
const everybody: readonly Subject[] = ['system:unauthenticated', 'system:authenticated'].map((name) => ({
  kind: 'Group',
  group: { name },
}));

function inKubeSystem(name: string): Subject {
  return { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name } };
}

function resources(
  verbs: readonly string[],
  group: string,
  names: readonly string[],
  clusterScope: boolean,
): ResourcePolicyRule {
  return {
    verbs: [...verbs],
    apiGroups: [group],
    resources: [...names],
    ...(clusterScope ? { clusterScope } : {}),
    namespaces: ['*'],
  };
}

/** Whatever these subjects ask for. */
function allOf(...subjects: readonly Subject[]): PolicyRulesWithSubjects {
  return {
    subjects: [...subjects],
    resourceRules: [resources(['*'], '*', ['*'], true)],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  };
}

interface SchemaOptions {
  readonly level: string;
  readonly precedence: number;
  readonly by?: 'ByUser' | 'ByNamespace';
  readonly rules: readonly PolicyRulesWithSubjects[];
  readonly mandatory?: boolean;
}

function schema(
  name: string,
  { level, precedence, by, rules, mandatory = false }: SchemaOptions,
): DefaultObject<FlowSchemaSpec> {
  return {
    name,
    mandatory,
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: precedence,
      ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
      rules: [...rules],
    },
  };
}

const leaseVerbs = ['get', 'create', 'update'];
const leases = resources(leaseVerbs, 'coordination.k8s.io', ['leases'], false);

export const defaultFlowSchemas: readonly DefaultObject<FlowSchemaSpec>[] = [
  schema(exemptName, {
    level: exemptName,
    precedence: 1,
    rules: [allOf({ kind: 'Group', group: { name: 'system:masters' } })],
    mandatory: true,
  }),
  schema(catchAllName, {
    level: catchAllName,
    precedence: 10_000,
    by: 'ByUser',
    rules: [allOf(...everybody)],
    mandatory: true,
  }),
  schema('probes', {
    level: exemptName,
    precedence: 2,
    rules: [
      {
        subjects: [...everybody],
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
      },
    ],
  }),
  schema('system-leader-election', {
    level: 'leader-election',
    precedence: 100,
    by: 'ByUser',
    rules: [{ subjects: [controllerManager, scheduler, inKubeSystem('*')], resourceRules: [leases] }],
  }),
  schema('endpoint-controller', {
    level: 'workload-high',
    precedence: 150,
    by: 'ByUser',
    rules: [
      {
        subjects: [
          controllerManager,
          inKubeSystem('endpoint-controller'),
          inKubeSystem('endpointslicemirroring-controller'),
        ],
        resourceRules: [resources(leaseVerbs, '', ['endpoints'], false)],
      },
    ],
  }),
  schema('workload-leader-election', {
    level: 'leader-election',
    precedence: 200,
    by: 'ByUser',
    rules: [{ subjects: [inKubeSystem('*')], resourceRules: [leases] }],
  }),
  schema('system-node-high', {
    level: 'node-high',
    precedence: 400,
    by: 'ByUser',
    rules: [
      {
        subjects: [nodes],
        resourceRules: [
          resources(['*'], '', ['nodes', 'nodes/status'], true),
          resources(['*'], 'coordination.k8s.io', ['leases'], false),
        ],
      },
    ],
  }),
  schema('system-nodes', { level: 'system', precedence: 500, by: 'ByUser', rules: [allOf(nodes)] }),
  schema('kube-controller-manager', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: [allOf(controllerManager)],
  }),
  schema('kube-scheduler', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: [allOf(scheduler)],
  }),
  schema('kube-system-service-accounts', {
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    rules: [allOf(inKubeSystem('*'))],
  }),
  schema('service-accounts', {
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    rules: [allOf({ kind: 'Group', group: { name: 'system:serviceaccounts' } })],
  }),
  schema('global-default', {
    level: 'global-default',
    precedence: 9900,
    by: 'ByUser',
    rules: [allOf(...everybody)],
  }),
];
