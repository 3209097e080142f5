import t from 'tap';
import { systemClock } from '../../common/clock.js';
import { MemoryRuntime } from '../../kubelet/cri/memory-runtime.js';
import { testCri } from './cri.js';

const image = 'localhost/knarr/web:1';

for (const events of [false, true]) {
  await t.test(`the in-memory runtime ${events ? 'with' : 'without'} events`, async (t) => {
    const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events });
    await testCri(t, {
      runtime,
      image,
      tells: events ? 'all' : 'nothing',
      logDirectory: '/logs',
      cgroupParent: '/test',
      limitsOf: (_parent, id) => {
        const { cpuQuota, memoryLimitInBytes } = runtime.resourcesOf(id);
        return { cpuQuota, memoryLimitBytes: memoryLimitInBytes };
      },
      letExit: (id, exitCode) => {
        runtime.exitContainer(id, exitCode);
      },
    });
  });
}
