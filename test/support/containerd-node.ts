/** A kubelet in this process with a containerd of its own: in the test's own namespaces, removed at its end. */
import t from 'tap';
import { createCgroupManager } from '../../kubelet/containers/cgroups.js';
import type { CgroupManager } from '../../kubelet/containers/cgroups.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import { startContainerd } from './containerd.js';
import type { TestContainerd } from './containerd.js';
import { TestNode } from './kubelet.js';
import type { TestKubeletOptions } from './kubelet.js';

export interface ContainerdNode {
  readonly containerd: TestContainerd;
  readonly runtime: GrpcRuntime;
  readonly cgroups: CgroupManager;
  readonly node: TestNode;
}

/** `beforeRemoval` runs first of all when the test is over. */
export async function startContainerdNode(
  options: Partial<TestKubeletOptions> = {},
  beforeRemoval?: () => void,
): Promise<ContainerdNode> {
  const containerd = await startContainerd();
  const runtime = new GrpcRuntime(containerd.endpoint);
  const cgroups = createCgroupManager({ root: containerd.cgroupRoot });
  const node = new TestNode({ runtime, cgroups, mounter: systemMounter, ...options });
  t.teardown(async () => {
    await node.stop();
    beforeRemoval?.();
    await node.remove();
    runtime.close();
    await containerd.stop();
  });
  await node.start();
  return { containerd, runtime, cgroups, node };
}
