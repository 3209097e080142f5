/** What all kinds of checks have in common: whom they ask, and what they answer. */
import type { Container } from '../../api/generated/core-v1.js';
import type { Clock } from '../../common/clock.js';
import type { ContainerRuntime } from '../cri/runtime.js';

export interface CheckTarget {
  readonly runtime: ContainerRuntime;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  readonly clock: Clock;
}

export interface CheckResult {
  /** `warning` is a success, but not as it was meant; `unknown`: nobody could be asked, which counts for nothing. */
  readonly outcome: 'success' | 'warning' | 'failure' | 'unknown';
  /** What was seen, for the Event. */
  readonly output: string;
}

export const passed: CheckResult = { outcome: 'success', output: '' };

export function failed(output: string): CheckResult {
  return { outcome: 'failure', output };
}
