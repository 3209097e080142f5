import t from 'tap';
import { routesIn } from '../../../proxy/host-network.js';

const table = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  'knarr0\t0000600A\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0',
  'knarr0\t0000F40A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  '',
].join('\n');
t.strictSame(
  [...routesIn(table)],
  ['eth0 0.0.0.0/0', 'knarr0 10.96.0.0/12', 'knarr0 10.244.0.0/16'],
  'reads the table of the kernel',
);
