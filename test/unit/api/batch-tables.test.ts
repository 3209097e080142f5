import t from 'tap';
import type { KubernetesObject } from '../../../api/objects.js';
import * as resources from '../../../api/resources.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import { tableFor } from '../../../api/tables/table.js';

const schema = loadSchema();
const now = Date.parse('2026-01-02T00:00:00Z');
const metadata = { name: 'x', namespace: 'n', creationTimestamp: '2026-01-01T23:55:00Z' };

/** Cells by header. */
function printed(resource: unknown, body: object): Record<string, unknown> {
  const definition = resource as resources.ResourceDefinition;
  const { object } = decodeObject<KubernetesObject>(schema, definition.schemaName, {
    ...body,
    metadata: { ...metadata, ...(body as { metadata?: object }).metadata },
  });
  const { columnDefinitions, rows } = tableFor(definition, [object], { now });
  return Object.fromEntries(columnDefinitions.map(({ name }, index) => [name, rows[0]?.cells[index]]));
}

const job = (status: object, spec: object = {}, more: object = {}): object =>
  printed(resources.jobs, { spec: { template: {}, ...spec }, status, ...more });
const condition = (type: string): object => ({ conditions: [{ type, status: 'True' }] });

void t.test('how far a Job is', (t) => {
  const startTime = '2026-01-01T23:58:00Z';
  t.match(job({ startTime, succeeded: 1 }, { completions: 3 }), {
    Status: 'Running',
    Completions: '1/3',
    Duration: '2m',
  });
  t.match(job({ startTime, completionTime: '2026-01-01T23:58:30Z', ...condition('Complete') }), {
    Status: 'Complete',
    Duration: '30s',
  });
  t.match(job({}, { parallelism: 4 }), { Completions: '0/1 of 4', Duration: '' });
  for (const state of ['Failed', 'Suspended', 'FailureTarget', 'SuccessCriteriaMet'])
    t.match(job(condition(state)), { Status: state });
  const deleted = { metadata: { deletionTimestamp: '2026-01-02T00:00:00Z' } };
  t.match(job(condition('Suspended'), {}, deleted), { Status: 'Terminating' });
  t.end();
});

void t.test('what an autoscaler aims at', (t) => {
  const scaleTargetRef = { kind: 'Deployment', name: 'web' };
  const resource = (name: string, target: object): object => ({
    type: 'Resource',
    resource: { name, target },
  });
  const metrics = [
    resource('cpu', { type: 'Utilization', averageUtilization: 80 }),
    resource('memory', { type: 'AverageValue', averageValue: '1Gi' }),
    { type: 'External', external: { metric: { name: 'q' }, target: { type: 'Value', value: '30' } } },
  ];
  const currentMetrics = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } },
    { type: 'Resource', resource: { name: 'memory', current: { averageValue: '200Mi' } } },
  ];
  const row = printed(resources.horizontalPodAutoscalers, {
    spec: { scaleTargetRef, maxReplicas: 3, metrics },
    status: { desiredReplicas: 1, currentReplicas: 2, currentMetrics },
  });
  t.match(row, {
    Reference: 'Deployment/web',
    Targets: 'cpu: 12%/80%, memory: 200Mi/1Gi + 1 more...',
    Replicas: 2,
  });
  t.end();
});

void t.test('volumes, claims, quotas', (t) => {
  const volume = printed(resources.persistentVolumes, {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
      claimRef: { namespace: 'n', name: 'c' },
      storageClassName: 'fast',
    },
    status: { phase: 'Bound' },
  });
  t.match(volume, { 'Access Modes': 'RWO,RWX', Claim: 'n/c', StorageClass: 'fast', Status: 'Bound' });
  const claim = printed(resources.persistentVolumeClaims, {
    spec: { volumeName: 'v' },
    status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
  });
  t.match(claim, { Status: 'Bound', Volume: 'v', Capacity: '1Gi', 'Access Modes': 'RWO' });
  const quota = printed(resources.resourceQuotas, {
    spec: {},
    status: { hard: { pods: '3', 'limits.cpu': '2' }, used: { pods: '1' } },
  });
  t.match(quota, { Request: 'pods: 1/3', Limit: 'limits.cpu: 0/2' });
  t.end();
});

void t.test('whose state a revision is', (t) => {
  const ownerReferences = [
    { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 's', uid: 'u', controller: true },
  ];
  const row = printed(resources.controllerRevisions, {
    metadata: { ownerReferences },
    data: {},
    revision: 2,
  });
  t.match(row, { Controller: 'statefulset.apps/s', Revision: 2 });
  t.end();
});
