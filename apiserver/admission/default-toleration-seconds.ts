/** A Pod outlives its node's silence by five minutes, unless it says otherwise. */
import type { Pod, Toleration } from '../../api/generated/core-v1.js';
import type { AdmissionPlugin } from './admission.js';
import { isPodCreation, isPodUpdate } from './pod-creation.js';

const taintKeys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const tolerationSeconds = 300;

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(request) {
    // Also on an update: who puts the manifest of a running Pod again does not mean to take the tolerations away.
    if (!isPodCreation(request) && !isPodUpdate(request)) return;
    const { spec } = request.object as Pod;
    const own = spec.tolerations ?? [];
    const added = taintKeys
      .filter((key) => !own.some((toleration) => tolerates(toleration, key)))
      .map((key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }));
    if (added.length > 0) spec.tolerations = [...own, ...added];
  },
};

function tolerates({ key = '', effect }: Toleration, taintKey: string): boolean {
  return (key === taintKey || key === '') && (effect === 'NoExecute' || effect === undefined);
}
