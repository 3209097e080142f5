import t from 'tap';
import { readContainerStatus } from '../../../kubelet/cri/grpc-messages.js';

const started = 1_780_000_000_500;

/** CRI's times are nanoseconds, too big for a number. */
function status(startedAtMs: number, finishedAtMs: number): unknown {
  const nanoseconds = (ms: number): string => (ms === 0 ? '0' : `${ms}000000`);
  return readContainerStatus({
    id: 'one',
    metadata: { name: 'main', attempt: 0 },
    state: finishedAtMs === 0 ? 'CONTAINER_RUNNING' : 'CONTAINER_EXITED',
    startedAt: nanoseconds(startedAtMs),
    finishedAt: nanoseconds(finishedAtMs),
  });
}

void t.test('the times of a container that the runtime tells', (t) => {
  t.match(status(started, 0), { startedAtMs: started, finishedAtMs: 0 }, 'it runs');
  t.match(status(started, started + 7), { finishedAtMs: started + 7 }, 'it has ended');
  t.match(status(started, started - 3), { finishedAtMs: started }, 'it ended before its start was noted');
  t.match(status(0, started), { startedAtMs: 0, finishedAtMs: started }, 'it never started');
  t.end();
});
