import t from 'tap';
import { namespaces } from '../../api/resources.js';
import { apiClientContract } from './api-client.js';
import { startTestApiServer } from './api-client-server.js';

const server = await startTestApiServer();
t.teardown(() => server.stop());
const client = await server.client('admin');
let made = 0;

apiClientContract(t, 'the REST client', {
  open: async () => {
    const namespace = `contract-${made++}`;
    await client
      .resource(namespaces)
      .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: {} });
    return { client, namespace };
  },
});
