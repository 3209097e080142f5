import t from 'tap';
import { candidates, readIpamConfig } from '../../../cni-plugins/host-local/ranges.js';
import { formatAddress, parseAddress } from '../../../cni-plugins/lib/ipv4.js';

function order(ipam: Record<string, unknown>, last?: string): string[] {
  const { ranges } = readIpamConfig(ipam);
  const lastGiven = last === undefined ? undefined : parseAddress(last);
  return [...candidates(ranges, lastGiven)].map(({ address }) => formatAddress(address));
}

const orders: readonly [string, Record<string, unknown>, string | undefined, string[]][] = [
  [
    'all but network, gateway and broadcast',
    { subnet: '10.1.0.0/29' },
    undefined,
    ['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6'],
  ],
  [
    'after the last one given, and round',
    { subnet: '10.1.0.0/29' },
    '10.1.0.4',
    ['10.1.0.5', '10.1.0.6', '10.1.0.2', '10.1.0.3', '10.1.0.4'],
  ],
  ['a hint from elsewhere is no hint', { subnet: '10.1.0.0/30' }, '10.9.9.9', ['10.1.0.2']],
  [
    'a part of the subnet, and a gateway within it',
    { subnet: '10.1.0.0/24', rangeStart: '10.1.0.10', rangeEnd: '10.1.0.13', gateway: '10.1.0.11' },
    undefined,
    ['10.1.0.10', '10.1.0.12', '10.1.0.13'],
  ],
  [
    'several ranges in turn',
    { ranges: [[{ subnet: '10.1.0.0/30' }, { subnet: '10.2.0.0/30' }]] },
    '10.1.0.2',
    ['10.2.0.2', '10.1.0.2'],
  ],
];
for (const [what, ipam, last, expected] of orders) t.strictSame(order(ipam, last), expected, what);

const refusals: readonly [Record<string, unknown>, RegExp][] = [
  [{}, /"ipam\.subnet" is missing/],
  [{ subnet: '10.1.0.0/31' }, /"ipam\.subnet"/],
  [{ subnet: '10.1.0.0/40' }, /"ipam\.subnet"/],
  [{ subnet: 'fd00::/64' }, /"ipam\.subnet"/],
  [
    { subnet: '10.1.0.0/24', rangeStart: '10.1.0.9', rangeEnd: '10.1.0.8' },
    /"ipam\.rangeStart" 10\.1\.0\.9 is after/,
  ],
  [{ subnet: '10.1.0.0/24', gateway: '10.1.0.255' }, /"ipam\.gateway"/],
  [{ ranges: [] }, /"ipam\.ranges"/],
  [{ ranges: [[]] }, /"ipam\.ranges\[0\]"/],
  [{ ranges: [[{ subnet: 'x' }]] }, /"ipam\.ranges\[0\]\[0\]\.subnet"/],
  [{ subnet: '10.1.0.0/24', routes: [{ dst: '0.0.0.0/0', gw: 'x' }] }, /"ipam\.routes\.gw"/],
  [{ subnet: '10.1.0.0/24', resolvConf: '/etc/resolv.conf' }, /"resolvConf" is not supported/],
];
for (const [ipam, message] of refusals) {
  t.throws(() => readIpamConfig(ipam), { name: 'CniError', message });
}

const addresses: readonly [string, number | undefined][] = [
  ['0.0.0.0', 0],
  ['255.255.255.255', 0xffff_ffff],
  ['1.2.3.4', 0x0102_0304],
  ['1.2.3', undefined],
  ['1.2.3.256', undefined],
  ['01.2.3.4', undefined],
  ['::1', undefined],
];
for (const [text, value] of addresses) t.equal(parseAddress(text), value, text);
