/** Pictures of storms for docs/startup.md, drawn as `knarr startup --plot` draws. Pure. */
import { readStartupReport } from '../../../api/read-startup-report.js';
import type { HistorySample } from '../../../api/startup-report.js';
import { plotStartup } from '../../../cli/startup/plot.js';
import type { PlotChart, PlotSample } from '../../../cli/startup/plot.js';
import type { StormRun } from './results-file.js';
import type { StormMoment, StormOutcome } from './run-storm.js';

export interface Picture {
  /** `startup-storm.svg` */
  readonly file: string;
  readonly svg: string;
}

/** Those whose cases are there; of each case the first round. */
export function drawPictures(runs: readonly StormRun[]): Picture[] {
  const storm = (name: string): StormOutcome | undefined =>
    runs.find((run) => run.case === name && run.round === 1)?.storms[name];
  const [off, on, change, reboot] = ['gate-off', 'gate-on', 'rate-change', 'reboot'].map(storm);
  const pictures: Picture[] = [];
  const mebibytesPerSecond = 20;
  if (off !== undefined && on !== undefined)
    pictures.push({
      file: 'startup-storm.svg',
      svg: plotStartup(
        [chart('Without the gate', off, mebibytesPerSecond), chart('With the gate', on, mebibytesPerSecond)],
        {
          title: '60 pods, 16 MiB each, a disk of 20 MiB/s, a deadline of 15 s',
          columns: 2,
        },
      ),
    });
  if (change !== undefined)
    pictures.push({
      file: 'startup-rate-change.svg',
      svg: plotStartup([chart('With the gate', change)], {
        title: 'The disk falls from 20 to 5 MiB/s after 15 s, and rises again after 35 s',
      }),
    });
  if (reboot !== undefined)
    pictures.push({
      file: 'startup-reboot.svg',
      svg: plotStartup([chart('With the gate', reboot, mebibytesPerSecond)], {
        title: 'A node comes back: a registry, a database, and 58 applications that need them',
      }),
    });
  return pictures;
}

function chart(title: string, storm: StormOutcome, mebibytesPerSecond?: number): PlotChart {
  const { ready, pods, kills, seconds } = storm;
  return {
    title,
    subtitle: `${ready} of ${pods} ready after ${seconds.toFixed(0)} s, ${kills} containers killed`,
    samples: samplesOf(storm),
    ...(mebibytesPerSecond === undefined ? {} : { deviceBytesPerSecond: mebibytesPerSecond * 1024 * 1024 }),
  };
}

/** What was seen from outside; limit and queue as the gate of the busiest device tells them. */
function samplesOf({ moments, history }: StormOutcome): PlotSample[] {
  const gate = gateSamples(history);
  const endMs = gate.at(-1)?.atMs ?? 0;
  const lastT = moments.at(-1)?.t ?? 0;
  return moments.map((moment, i): PlotSample => {
    const before = moments[i - 1] ?? first;
    const atMs = moment.t * 1000;
    const own = gate.findLast((sample) => sample.atMs - endMs <= (moment.t - lastT) * 1000);
    return {
      atMs,
      held: own?.held ?? moment.starting,
      limit: own?.limit,
      queued: own?.queued,
      ready: moment.ready - before.ready,
      failed: moment.kills - before.kills,
      pressure: moment.pressure,
      bytesPerSecond: (moment.bytes - before.bytes) / (moment.t - before.t),
    };
  });
}

const first: Pick<StormMoment, 't' | 'ready' | 'kills' | 'bytes'> = { t: 0, ready: 0, kills: 0, bytes: 0 };

/** Of the device that was waited for the most. Nothing where the gate is off. */
function gateSamples(history: unknown): readonly HistorySample[] {
  if (history === undefined || history === null) return [];
  const { mode, history: devices } = readStartupReport(history);
  if (mode === 'Off') return [];
  const load = (samples: readonly HistorySample[]): number =>
    samples.reduce((sum, { pressure = 0 }) => sum + pressure, 0);
  return [...devices].sort((a, b) => load(b.samples) - load(a.samples))[0]?.samples ?? [];
}
