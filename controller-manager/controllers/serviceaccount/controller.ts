/** Keeps a ServiceAccount named `default` in every namespace: what a Pod runs as when it names no other. */
import { namespaces, serviceAccounts } from '../../../api/resources.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { createUnlessThere, isActive } from '../ensure-in-namespace.js';

const name = 'default';

export const serviceAccount: ControllerDefinition = {
  name: 'serviceaccount',
  create({ client, informers, log, clock, queueMetrics }) {
    const namespaceInformer = informers.informer(namespaces);
    const accountInformer = informers.informer(serviceAccounts);
    return createController({
      name: 'serviceaccount',
      sources: [
        keysFrom(namespaceInformer),
        keysFrom(accountInformer, ({ metadata }) => (metadata.name === name ? [metadata.namespace] : [])),
      ],
      async reconcile(namespace) {
        if (!isActive(namespaceInformer.get(namespace))) return;
        if (accountInformer.get(`${namespace}/${name}`) !== undefined) return;
        await createUnlessThere(client.resource(serviceAccounts), {
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name, namespace },
        });
      },
      log,
      clock,
      queueMetrics,
      concurrency: 5,
    });
  },
};
