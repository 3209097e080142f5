/** Reports of a node that starts Pods, for tests of who reads them. */
import type { StartupReport } from '../../api/startup-report.js';

const mebibyte = 1024 * 1024;

/** `sda` is saturated: four start, `queued` Pods of the namespace shop wait. The file server is idle. */
export function makeStartupReport(node: string, options: { atMs: number; queued: number }): StartupReport {
  const { atMs, queued } = options;
  return {
    node,
    mode: 'Adaptive',
    atMs,
    devices: [
      {
        ...{ key: '8:0', about: '/dev/sda', controller: 'adaptive' },
        ...{ limit: 4, held: 4, queued, saturation: 0.97, isSaturated: true },
        ...{ bytesPerSecond: 20 * mebibyte, pressure: 0.81, awaitMs: 41.2 },
      },
      {
        ...{ key: 'nfs files:/export', about: 'nfs files:/export', controller: 'adaptive' },
        ...{ limit: 2, held: 0, queued: 0, saturation: 0, isSaturated: false },
        ...{ bytesPerSecond: undefined, pressure: undefined, awaitMs: undefined },
      },
    ],
    starts: [1, 2, 3, 4].map((index) => ({
      ...{ namespace: 'shop', name: `orders-${index}`, uid: `start-${index}`, devices: ['8:0'] },
      ...{ sinceMs: atMs - index * 7_000, bytes: index === 4 ? undefined : index * 3 * mebibyte },
    })),
    queue: Array.from({ length: queued }, (_, index) => ({
      ...{ place: index + 1, namespace: 'shop', name: `cart-${index}`, uid: `queued-${index}` },
      ...{ devices: ['8:0'], priority: index === 0 ? 2_000_000_000 : 0, sinceMs: atMs - 90_000 },
      reason: index === 1 ? 'WaitingForDependencies' : 'WaitingForSlot',
      message: index === 1 ? 'after service/registry, which is not ready' : 'all slots of /dev/sda are taken',
    })),
    history: [
      {
        ...{ key: '8:0', about: '/dev/sda' },
        samples: Array.from({ length: 60 }, (_, index) => ({
          ...{ atMs: atMs - (60 - index) * 1000, limit: 4, held: 4, queued: queued + 60 - index },
          ...{ ready: index % 4 === 3 ? 1 : 0, failed: 0 },
          ...{ pressure: 0.8, bytesPerSecond: 20 * mebibyte, awaitMs: 40 },
        })),
      },
    ],
  };
}
