import t from 'tap';
import { UsageError } from '../../../common/usage-error.js';
import { checkRange } from '../../../proxy/check-range.js';

const refused: readonly (readonly [range: string, why: string])[] = [
  ['0.0.0.0/1', 'wider than /8'],
  ['0.0.0.0/0', 'wider than /8'],
  ['127.0.0.0/8', 'overlaps 127.0.0.0/8'],
  ['127.1.0.0/16', 'overlaps 127.0.0.0/8'],
  ['224.0.0.0/8', 'overlaps 224.0.0.0/3'],
  ['169.254.0.0/16', 'overlaps 169.254.0.0/16'],
  ['fd00::/64', 'must be an IPv4 range'],
  ['10.244.0.0', 'must be an IPv4 range'],
  ['10.244.0.0/33', 'must be an IPv4 range'],
  ['pods', 'must be an IPv4 range'],
];

for (const [range, why] of refused) {
  void t.test(`refuses ${range}`, (t) => {
    const error: unknown = (() => {
      try {
        checkRange('--cluster-cidr', range);
        return undefined;
      } catch (thrown) {
        return thrown;
      }
    })();
    t.type(error, UsageError);
    t.match(error, { message: /^--cluster-cidr / });
    t.match(error, { message: why });
    t.end();
  });
}

void t.test('takes private ranges', (t) => {
  for (const range of ['10.244.0.0/16', '10.96.0.0/12', '10.0.0.0/8', '192.168.128.0/17', '172.16.0.0/12'])
    t.doesNotThrow(() => {
      checkRange('--cluster-cidr', range);
    }, range);
  t.end();
});
