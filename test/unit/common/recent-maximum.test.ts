import t from 'tap';
import { RecentMaximum } from '../../../common/recent-maximum.js';

void t.test('a peak is seen for one to two seconds', (t) => {
  const number = new RecentMaximum();
  t.equal(number.highest(0), 0);
  number.add(1, 100);
  number.add(2, 200);
  number.add(-2, 300);
  t.equal(number.value, 1);
  t.equal(number.highest(900), 3, 'in the window of the peak');
  t.equal(number.highest(1_900), 3, 'in the next one');
  t.equal(number.highest(3_000), 1, 'what is there is always seen');
  number.add(-1, 3_100);
  t.equal(number.highest(9_000), 0, 'a window without a change holds the value');
  t.end();
});
