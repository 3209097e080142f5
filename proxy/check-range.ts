/** Which address ranges may be routed into the bridge at all. Pure. */
import IPCIDR from 'ip-cidr';
import { UsageError } from '../common/usage-error.js';

/** Ranges that the machine itself needs: routing one of them into the bridge would cut the machine off. */
const untouchable = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'];

/** A range this wide holds addresses of other people. */
const widestPrefix = 8;

/** Throws UsageError naming the flag when the range is no IPv4 range, too wide, or one that the machine needs. */
export function checkRange(flag: string, range: string): void {
  if (!range.includes('/') || !IPCIDR.isValidCIDR(range) || range.includes(':'))
    throw new UsageError(`${flag} must be an IPv4 range such as 10.244.0.0/16, but is ${range}`);
  if (Number(range.split('/')[1]) < widestPrefix)
    throw new UsageError(`${flag} ${range} is wider than /${widestPrefix}: choose a smaller private range`);
  const own = new IPCIDR(range);
  for (const other of untouchable) {
    const taken = new IPCIDR(other);
    if (own.contains(taken.start()) || taken.contains(own.start()))
      throw new UsageError(
        `${flag} ${range} overlaps ${other}, which the machine needs: choose a private range`,
      );
  }
}
