/**
 * Publishes the cluster's certificate authority in every namespace as the ConfigMap `kube-root-ca.crt`, so that
 * Pods can trust the apiserver. Whoever changes or deletes it gets it back.
 */
import { configMaps, namespaces } from '../../../api/resources.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { createUnlessThere, isActive } from '../ensure-in-namespace.js';

const name = 'kube-root-ca.crt';
const description = 'The authority that signed the certificate of this apiserver.';

export const rootCa: ControllerDefinition = {
  name: 'root-ca',
  create({ client, informers, log, clock, queueMetrics, settings }) {
    const ca = settings.rootCa;
    if (ca === undefined) {
      log.warn('no --root-ca-file: kube-root-ca.crt is not published');
      return createController({ name: 'root-ca', sources: [], reconcile: async () => undefined, log, clock });
    }
    const data = { 'ca.crt': ca };
    const namespaceInformer = informers.informer(namespaces);
    // One object per namespace is wanted, not everybody's ConfigMaps: they may be large.
    const configMapInformer = informers.informer(configMaps, { fieldSelector: `metadata.name=${name}` });
    return createController({
      name: 'root-ca',
      queueName: 'root_ca_cert_publisher',
      sources: [
        keysFrom(namespaceInformer),
        keysFrom(configMapInformer, ({ metadata }) => [metadata.namespace]),
      ],
      async reconcile(namespace) {
        if (!isActive(namespaceInformer.get(namespace))) return;
        const published = configMapInformer.get(`${namespace}/${name}`);
        if (published === undefined) {
          await createUnlessThere(client.resource(configMaps), {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name, namespace, annotations: { 'kubernetes.io/description': description } },
            data,
          });
        } else if (published.data?.['ca.crt'] !== ca || Object.keys(published.data).length !== 1) {
          await client.resource(configMaps).update({ ...published, data });
        }
      },
      log,
      clock,
      queueMetrics,
      concurrency: 5,
    });
  },
};
