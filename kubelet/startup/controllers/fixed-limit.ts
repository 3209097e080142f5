/** As many slots as the configuration says, whatever the device does. For comparison, and for who knows the disk. Pure. */
import type { ControllerState, StartupController } from './controller.js';

/** Above this pressure the device is called saturated, as the adaptive controller has it. */
const saturatedAbove = 0.75;

export function fixedLimit(limit: number): StartupController {
  if (!Number.isInteger(limit) || limit < 1)
    throw new RangeError(`a limit of ${String(limit)} starts: it must be a whole number, at least 1`);
  return {
    name: 'Fixed',
    begin: (): ControllerState => ({ limit, isSaturated: false }),
    step: (_state, { pressure, utilization }) => ({
      limit,
      isSaturated: (pressure ?? utilization ?? 0) > saturatedAbove,
    }),
  };
}
