/** Where the framework tells how long its extension points and plugins took. */

export type PointStatus = 'Success' | 'Skip' | 'Wait' | 'Unschedulable' | 'Error';

export interface FrameworkMeter {
  /** Milliseconds on a clock of which only differences count. */
  now(): number;
  /** All plugins of an extension point have been asked. */
  ran(point: string, status: PointStatus, startedMs: number): void;
  /** One plugin has been asked. Not called for all attempts: that would cost more than many a plugin does. */
  asked(point: string, plugin: string, status: PointStatus, startedMs: number): void;
  /** A plugin was asked: counted each time. */
  evaluated(point: string, plugin: string): void;
}

export const noFrameworkMeter: FrameworkMeter = {
  now: () => 0,
  ran: () => undefined,
  asked: () => undefined,
  evaluated: () => undefined,
};

/** What an answer of a plugin, or of all of them, is called in metrics. */
export function statusOf(answer: unknown): PointStatus {
  const kind = typeof answer === 'object' && answer !== null && 'kind' in answer ? answer.kind : undefined;
  switch (kind) {
    case 'unschedulable':
      return 'Unschedulable';
    case 'skip':
      return 'Skip';
    case 'wait':
      return 'Wait';
    default:
      return 'Success';
  }
}
