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
    logDirectory: join(containerd.folder, 'logs'),
    cgroupParent: containerd.cgroupRoot,
  });
}
