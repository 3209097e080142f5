/** Real kubectl binaries read what the publisher says: explain, and validation on the client. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { OpenApiPublisher } from '../../api/openapi/publisher.js';
import { resourceDefinitions } from '../../api/resources.js';
import { loadSchema } from '../../api/schema/load.js';
import { startDiscoveryServer } from '../support/discovery-server.js';
import { Kubectl, newestAndOldestKubectl } from '../support/kubectl.js';

const deployment = (spec: object): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              name: 'a',
              image: 'x',
              resources: { limits: { cpu: 1, memory: '1Gi' } },
              livenessProbe: { httpGet: { port: 'http' } },
            },
          ],
        },
      },
      ...spec,
    },
  });

for (const version of newestAndOldestKubectl) {
  void t.test(`kubectl ${version}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'knarr-openapi-'));
    const server = await startDiscoveryServer(
      new OpenApiPublisher({
        schema: loadSchema(),
        resources: resourceDefinitions,
        custom: new Map(),
        version: 'v1.35.0',
      }),
    );
    t.teardown(async () => {
      await server.close();
      await rm(folder, { recursive: true });
    });
    const kubeconfig = join(folder, 'config');
    const cluster = { name: 'c', cluster: { server: server.url } };
    const context = { name: 'c', context: { cluster: 'c', user: '' } };
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [cluster],
        contexts: [context],
        'current-context': 'c',
      }),
    );
    const kubectl = await Kubectl.of(version, kubeconfig);
    const environment = { HOME: folder };
    const run = (args: string[], input = ''): ReturnType<Kubectl['attempt']> =>
      kubectl.attempt(args, { environment, input });

    const explained = await run(['explain', 'pod.spec.containers']);
    t.match(explained.stdout, /KIND:\s+Pod\b[^]*imagePullPolicy\s+<string>/, explained.stderr);
    t.match(
      explained.stdout,
      /DESCRIPTION:[^]*One program with its surroundings[^]*FIELDS:/,
      'type in words',
    );
    t.match(explained.stdout, /name\s+<string> -required-\n\s+Name within the pod/, 'fields in words');
    if (version !== 'v1.20')
      t.match(explained.stdout, /enum: Always, IfNotPresent, Never\n\s+When the image is fetched/, 'values');
    const recursive = await run(['explain', 'deployment.spec.strategy', '--recursive']);
    t.match(recursive.stdout, /rollingUpdate\s+<\w+>\s+maxSurge\s+</, recursive.stderr);

    const create = ['create', '--dry-run=client', '-o', 'name', '-f', '-'];
    const good = await run(create, deployment({ replicas: 3 }));
    t.equal(good.stdout, 'deployment.apps/web\n', good.stderr);
    const bad = await run(create, deployment({ replicas: 'x', foo: 1 }));
    if (version === 'v1.20') {
      t.match(bad.stderr, /unknown field "foo" in io\.k8s\.api\.apps\.v1\.DeploymentSpec/);
      t.match(bad.stderr, /DeploymentSpec\.replicas: got "string", expected "integer"/);
    } else {
      // It found that the server validates fields itself, and leaves it to the server.
      t.equal(bad.stderr, '');
      t.ok(server.requests.includes('GET /openapi/v3/apis/apps/v1'));
      t.notOk(server.requests.includes('GET /openapi/v2'), 'and had no need for version 2');
    }
  });
}
