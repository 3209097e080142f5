/** Where an axis ends, where it has ticks, and what stands at them. Pure. */

export interface Axis {
  /** The value at the far end; more than 0. */
  readonly max: number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  /** Said once, beside the axis: `MiB/s`. */
  readonly unit: string;
}

/** From 0 to a round number at or above `most`, in whole steps of 1, 2 or 5 times a power of ten. */
export function countAxis(most: number): Axis {
  return roundAxis(Math.max(1, most), { leastStep: 1, unit: '' });
}

export function percentAxis(): Axis {
  return { max: 1, unit: '%', ticks: [0, 0.5, 1].map((at) => ({ at, label: String(at * 100) })) };
}

const byteUnits = ['B/s', 'KiB/s', 'MiB/s', 'GiB/s'] as const;

export function throughputAxis(most: number): Axis {
  const power = most < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(most) / 10));
  const scale = 1024 ** power;
  const { max, ticks } = roundAxis(Math.max(1, most / scale), { leastStep: 0.1, unit: '' });
  return {
    max: max * scale,
    ticks: ticks.map(({ at, label }) => ({ at: at * scale, label })),
    unit: byteUnits[power] ?? '',
  };
}

const timeStepsSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/** Time that has passed: seconds where that reads well, else minutes. Ends where the data ends, not at a round number. */
export function timeAxis(lengthMs: number): Axis {
  const lengthSeconds = Math.max(1, lengthMs / 1000);
  const step = timeStepsSeconds.find((one) => lengthSeconds / one <= 8) ?? 600;
  const inMinutes = step >= 30;
  const ticks: { at: number; label: string }[] = [];
  for (let at = 0; at <= lengthSeconds; at += step) {
    const clock = `${String(Math.floor(at / 60))}:${String(at % 60).padStart(2, '0')}`;
    ticks.push({ at: at * 1000, label: inMinutes ? clock : String(at) });
  }
  return { max: lengthSeconds * 1000, ticks, unit: inMinutes ? 'min:s' : 's' };
}

function roundAxis(most: number, { leastStep, unit }: { leastStep: number; unit: string }): Axis {
  const wanted = Math.max(leastStep, most / 4);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= wanted * 0.999) ?? 10 * power;
  const count = Math.ceil(most / step - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, index) => ({
    at: index * step,
    label: (index * step).toFixed(digits),
  }));
  return { max: count * step, ticks, unit };
}
