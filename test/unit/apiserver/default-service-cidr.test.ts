/** The life of the ServiceCIDR `kubernetes`: what the server makes of it, step by step. */
import t from 'tap';
import type { ServiceCIDR } from '../../../api/generated/networking-v1.js';
import { nextServiceCidr, serviceCidrFinalizer } from '../../../apiserver/bootstrap/default-service-cidr.js';

const facts = { range: '10.96.0.0/12', addresses: ['10.96.0.1'], now: Date.parse('2026-01-02T03:04:05Z') };

function cidrOf(metadata: Partial<ServiceCIDR['metadata']>, cidrs = ['10.96.0.0/12']): ServiceCIDR {
  const name = 'kubernetes';
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name, ...metadata } as ServiceCIDR['metadata'],
    spec: { cidrs },
    status: {},
  };
}

const deletionTimestamp = '2026-01-01T00:00:00Z';
const finalizers = [serviceCidrFinalizer];

void t.test('it becomes ready and protected, and stays as it is', async (t) => {
  const ready = nextServiceCidr(cidrOf({ finalizers: ['example.com/own'] }), facts);
  t.match(ready, {
    metadata: { finalizers: ['example.com/own', serviceCidrFinalizer] },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: '',
          message: 'Kubernetes default Service CIDR is ready',
          lastTransitionTime: '2026-01-02T03:04:05Z',
        },
      ],
    },
  });
  t.equal(nextServiceCidr(ready as ServiceCIDR, facts), undefined);
});

void t.test('one of another range is not called ready', async (t) => {
  const other = cidrOf({}, ['10.200.0.0/16']);
  const next = nextServiceCidr(other, facts);
  t.same(next, { ...other, metadata: { ...other.metadata, finalizers } });
});

void t.test('deleted, it stays as long as an address of it is in use', async (t) => {
  const deleted = cidrOf({ finalizers, deletionTimestamp });
  const waiting = nextServiceCidr(deleted, facts);
  t.match(waiting, {
    metadata: { finalizers },
    status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Terminating' }] },
  });
  t.equal(waiting?.status.conditions?.length, 1);
  t.equal(nextServiceCidr(waiting as ServiceCIDR, facts), undefined, 'said once');
  const unused = { ...facts, addresses: ['10.200.0.1'] };
  t.same(nextServiceCidr(waiting as ServiceCIDR, unused)?.metadata.finalizers, []);
  const own = { finalizers: ['example.com/own', ...finalizers], deletionTimestamp };
  t.same(nextServiceCidr(cidrOf(own), unused)?.metadata.finalizers, ['example.com/own']);
  t.equal(nextServiceCidr(cidrOf({ finalizers: ['example.com/own'], deletionTimestamp }), unused), undefined);
});
