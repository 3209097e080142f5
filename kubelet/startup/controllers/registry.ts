/** The controllers that there are, by the mode that chooses them (`startupIO.mode`). A new one is a line here. */
import { adaptive } from './adaptive.js';
import type { StartupController } from './controller.js';
import { fixedLimit } from './fixed-limit.js';

export interface ControllerOptions {
  /** How many starts at once in mode Fixed. */
  readonly fixedLimit: number;
  /** How many starts at once before anything is known of a device, in mode Adaptive. */
  readonly initialLimit: number;
  /** The limit never rises above this; 0: no bound. */
  readonly maxLimit: number;
}

export const startupControllers = {
  Adaptive: ({ initialLimit, maxLimit }: ControllerOptions): StartupController =>
    adaptive({ initialLimit, maxLimit: maxLimit === 0 ? Infinity : maxLimit }),
  Fixed: (options: ControllerOptions): StartupController => fixedLimit(options.fixedLimit),
} as const;

/** Mode Off has no controller: its gate is open. */
export type ControllerMode = keyof typeof startupControllers;

export function controllerFor(mode: ControllerMode, options: ControllerOptions): StartupController {
  return startupControllers[mode](options);
}
