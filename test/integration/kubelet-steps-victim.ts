/**
 * A kubelet that another process has killed at a step that it names, and that the next one follows:
 * `node kubelet-steps-victim.js KUBECONFIG CONTAINERD_ENDPOINT CGROUP_ROOT FOLDER [CONFIGURATION]`. Says `serving`, then `armed` for each
 * line with a death (JSON) that comes in.
 */
import { createInterface } from 'node:readline';
import { createRestClient } from '../../client/rest-client.js';
import { createCgroupManager } from '../../kubelet/containers/cgroups.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import { TestNode } from '../support/kubelet.js';
import { MortalRuntime } from '../support/mortal-runtime.js';
import type { Death } from '../support/mortal-runtime.js';

const [, , kubeconfig = '', endpoint = '', root = '', folder = '', configuration] = process.argv;
const runtime = new MortalRuntime(new GrpcRuntime(endpoint));
const node = new TestNode({
  client: createRestClient({ connection: { kubeconfig }, userAgent: 'test-kubelet' }),
  runtime: runtime.port,
  cgroups: createCgroupManager({ root }),
  mounter: systemMounter,
  folder,
  // Without a configuration all pods start at once.
  ...(configuration === undefined
    ? {}
    : {
        configuration: JSON.parse(configuration) as Readonly<Record<string, unknown>>,
        gate: 'of the configuration',
      }),
});
await node.start();
process.stdout.write('serving\n');
for await (const line of createInterface(process.stdin)) {
  runtime.live(JSON.parse(line) as Death, () => {
    process.kill(process.pid, 'SIGKILL');
  });
  process.stdout.write('armed\n');
}
