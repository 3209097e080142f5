import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { missingForContainerd, startContainerd } from '../support/containerd.js';
import { runInOwnNamespaces } from '../support/netns.js';
import { testCri } from './cri.js';

const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) {
  const containerd = await startContainerd();
  const runtime = new GrpcRuntime(containerd.endpoint);
  t.teardown(async () => {
    runtime.close();
    await containerd.stop();
  });
  await testCri(t, {
    runtime,
    image: 'localhost/knarr/web:1',
    // Before 1.7 by containerd's own events.
    tells: /^v?1\.[0-6]\./.test((await runtime.version()).runtimeVersion) ? 'ends' : 'all',
    logDirectory: join(containerd.folder, 'logs'),
    cgroupParent: containerd.cgroupRoot,
    limitsOf,
  });
}

function limitsOf(parent: string, id: string): { cpuQuota: number; memoryLimitBytes: number } {
  const read = (...path: string[]): string => readFileSync(join('/sys/fs/cgroup', ...path), 'utf8').trim();
  const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  return isV2
    ? {
        cpuQuota: Number(read(parent, id, 'cpu.max').split(' ')[0]),
        memoryLimitBytes: Number(read(parent, id, 'memory.max')),
      }
    : {
        cpuQuota: Number(read('cpu', parent, id, 'cpu.cfs_quota_us')),
        memoryLimitBytes: Number(read('memory', parent, id, 'memory.limit_in_bytes')),
      };
}
