/** Which changes of a Pod can matter to the owner that counts it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { podCondition } from '../../../api/pod-helpers.js';
import type { Pod } from '../../../api/generated/core-v1.js';

/** True when nothing changed that an owner of replicas looks at: a new address, a pulled image. */
export function isSameToReplicas(before: Pod, after: Pod): boolean {
  const ready = [podCondition(before, 'Ready'), podCondition(after, 'Ready')];
  return (
    before.metadata.uid === after.metadata.uid &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    before.status.phase === after.status.phase &&
    ready[0]?.status === ready[1]?.status &&
    ready[0]?.lastTransitionTime === ready[1]?.lastTransitionTime &&
    isDeepStrictEqual(before.metadata.labels, after.metadata.labels) &&
    isDeepStrictEqual(before.metadata.ownerReferences, after.metadata.ownerReferences)
  );
}
