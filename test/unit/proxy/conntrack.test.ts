import t from 'tap';
import { isStale } from '../../../proxy/conntrack.js';
import type { UdpFlow } from '../../../proxy/conntrack.js';

const port = {
  addresses: ['10.96.0.10'],
  port: 53,
  nodePort: 30053,
  targets: [{ address: '10.244.0.5', port: 5353 }],
};
const flow: UdpFlow = {
  destination: '10.96.0.10',
  destinationPort: 53,
  responder: '10.244.0.5',
  responderPort: 5353,
};

const cases: readonly [string, UdpFlow, boolean][] = [
  ['to an endpoint that is there', flow, false],
  ['to an endpoint that went', { ...flow, responder: '10.244.0.9' }, true],
  ['to a port of the endpoint that is not used any more', { ...flow, responderPort: 53 }, true],
  [
    'never translated: sent before the rules were there',
    { ...flow, responder: '10.96.0.10', responderPort: 53 },
    true,
  ],
  ['another port of the address', { ...flow, destinationPort: 54, responder: '10.244.0.9' }, false],
  ['another address', { ...flow, destination: '10.96.0.11', responder: '10.244.0.9' }, false],
  ['by the node port, endpoint there', { ...flow, destination: '192.0.2.1', destinationPort: 30053 }, false],
  [
    'by the node port, endpoint gone',
    { ...flow, destination: '192.0.2.1', destinationPort: 30053, responder: '10.244.0.9' },
    true,
  ],
  [
    'to the same port of another machine',
    { destination: '198.51.100.1', destinationPort: 30053, responder: '198.51.100.1', responderPort: 30053 },
    false,
  ],
];
for (const [what, given, stale] of cases) t.equal(isStale(given, [port]), stale, what);
t.equal(isStale({ ...flow }, []), false, 'nothing is stale when nothing changed');
