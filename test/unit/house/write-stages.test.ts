import t from 'tap';
import { restOfNode, stageShares } from '../../bench/http/write-stages.js';

const node = (
  id: number,
  functionName: string,
  url = '',
  children: readonly number[] = [],
): Parameters<typeof stageShares>[0]['nodes'][number] => ({ id, callFrame: { functionName, url }, children });

void t.test('samples of a profile by the part of the program that they belong to', async (t) => {
  const profile = {
    startTime: 1000,
    nodes: [
      node(1, '(root)', '', [2, 3, 4, 5]),
      node(2, '(idle)'),
      node(3, '(garbage collector)'),
      node(4, 'encode', 'file:///x/dist/apiserver/storage/object-codec.js', [6]),
      node(5, 'respond', 'node:internal/http2/core'),
      node(6, 'from', 'node:buffer'),
    ],
    samples: [4, 2, 3, 4, 6, 5, 1, 4],
    timeDeltas: [100, 100, 100, 100, 100, 100, 100, 100],
  };
  t.strictSame(
    [...stageShares(profile, 1150, 1750)],
    [
      ['garbage collection', 0.2],
      ['the stored form: JSON, selectable fields', 0.4],
      ['TLS, HTTP/2 and streams', 0.2],
      [restOfNode, 0.2],
    ],
    'what comes before and after does not count, nor does idleness; what Node does counts as its caller',
  );
});
