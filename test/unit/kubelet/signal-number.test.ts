import t from 'tap';
import { signalNumber } from '../../../kubelet/cri/signal-number.js';

const rows: readonly [string, number | undefined][] = [
  ['SIGTERM', 15],
  ['SIGUSR1', 10],
  ['SIGCLD', 17],
  ['SIGRTMIN', 34],
  ['SIGRTMINPLUS3', 37],
  ['SIGRTMAXMINUS1', 63],
  ['SIGRTMAX', 64],
  ['SIGNOTHING', undefined],
];

void t.test('signals by name', async (t) => {
  for (const [name, number] of rows) t.equal(signalNumber(name), number, name);
});
