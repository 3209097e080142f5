/** Taints keep Pods away from a node, tolerations let them stay. */
import type { Taint, TaintEffect, Toleration } from './generated/core-v1.js';

/** Whether this toleration makes a Pod put up with this taint. An empty key with `Exists` tolerates everything. */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { key, effect, value } = toleration;
  if (effect !== undefined && (effect as string) !== '' && effect !== taint.effect) return false;
  if (key !== undefined && key !== '' && key !== taint.key) return false;
  switch (toleration.operator ?? 'Equal') {
    case 'Exists':
      return true;
    case 'Equal':
      return (value ?? '') === (taint.value ?? '') && key !== undefined && key !== '';
    // Comparing tolerations are an alpha feature of Kubernetes that is off: as there, they tolerate nothing.
    case 'Gt':
    case 'Lt':
      return false;
  }
}

/** The first taint with one of these effects that no toleration covers. */
export function findUntoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly TaintEffect[],
): Taint | undefined {
  return taints?.find(
    (taint) =>
      effects.includes(taint.effect) &&
      tolerations?.some((toleration) => toleratesTaint(toleration, taint)) !== true,
  );
}
