/** How far the resize of a Pod is, and the conditions that tell of it. Pure. */
import type { PodCondition } from '../../api/generated/core-v1.js';

export interface ResizeState {
  /** The node has not granted what the Pod asks for. */
  readonly pending?: {
    readonly reason: 'Deferred' | 'Infeasible';
    readonly message: string;
    /** Of the Pod that asked. */
    readonly generation: number | undefined;
  };
  /** It is granted and on its way. */
  readonly inProgress?: {
    readonly generation: number | undefined;
    /** Why it does not get on. */
    readonly error?: string;
  };
}

export const resizeConditionTypes: readonly string[] = ['PodResizePending', 'PodResizeInProgress'];

/** Without their times. None for a Pod that has the size that it asks for. */
export function resizeConditions({ pending, inProgress }: ResizeState): readonly PodCondition[] {
  const observed = (generation: number | undefined): Pick<PodCondition, 'observedGeneration'> =>
    generation === undefined ? {} : { observedGeneration: generation };
  return [
    ...(pending === undefined
      ? []
      : [
          {
            type: 'PodResizePending',
            status: 'True' as const,
            reason: pending.reason,
            message: pending.message,
            ...observed(pending.generation),
          },
        ]),
    ...(inProgress === undefined
      ? []
      : [
          {
            type: 'PodResizeInProgress',
            status: 'True' as const,
            ...(inProgress.error === undefined ? {} : { reason: 'Error', message: inProgress.error }),
            ...observed(inProgress.generation),
          },
        ]),
  ];
}
