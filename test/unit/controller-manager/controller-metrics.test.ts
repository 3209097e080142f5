/** What the controller manager shows of its controllers: queues, what runs, and the health of nodes. */
import t from 'tap';
import { nodes } from '../../../api/resources.js';
import { controllerDefinitions } from '../../../controller-manager/registry.js';
import { createNode, managerRig, postReady } from './manager-rig.js';

/** By controller: the names under which Kubernetes shows the same queues. */
const queuesOf: Readonly<Record<string, readonly string[]>> = {
  deployment: ['deployment'],
  endpoints: ['endpoint'],
  endpointslice: ['endpoint_slice'],
  'garbage-collector': ['garbage_collector_attempt_to_delete'],
  namespace: ['namespace'],
  'node-ipam': ['cidrallocator_node'],
  'node-lifecycle': ['node_lifecycle_controller', 'noexec_taint_pod'],
  'pod-garbage-collector': ['pod-garbage-collector'],
  replicaset: ['replicaset'],
  replicationcontroller: ['replicationmanager'],
  'root-ca': ['root_ca_cert_publisher'],
  serviceaccount: ['serviceaccount'],
};

void t.test('each controller shows its queue', async (t) => {
  const rig = managerRig(t, controllerDefinitions);
  await rig.settle();
  const text = await rig.metrics();
  for (const { name } of controllerDefinitions) {
    t.match(text, `running_managed_controllers{name="${name}",manager="kube-controller-manager"} 1\n`);
    for (const queue of queuesOf[name] ?? [name])
      t.match(text, `workqueue_depth{name="${queue}"} 0\n`, queue);
  }
});

void t.test('the health of nodes by zone', async (t) => {
  const rig = managerRig(t, controllerDefinitions);
  const zone = 'zone=":\\u0000:z1"';
  const value = async (name: string): Promise<number> => {
    const lines = (await rig.metrics()).split('\n');
    return Number(
      lines.find((line) => line.replace('\0', '\\u0000').startsWith(`${name}{${zone}} `))?.split(' ')[1],
    );
  };
  await createNode(rig, 'one');
  const two = await createNode(rig, 'two');
  t.equal(await value('node_collector_zone_size'), 2);
  t.equal(await value('node_collector_unhealthy_nodes_in_zone'), 0);
  t.equal(await value('node_collector_zone_health'), 100);
  await postReady(rig, two, false);
  t.equal(await value('node_collector_unhealthy_nodes_in_zone'), 1);
  t.equal(await value('node_collector_zone_health'), 50);
  t.equal(await value('node_collector_evictions_total'), 1);
  const tainted = await rig.client.resource(nodes).get(two.metadata);
  t.ok(tainted.spec.taints?.some(({ effect }) => effect === 'NoExecute'));
});
