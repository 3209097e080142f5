/** `npm run soak -- node`: a cluster of its own, a churn of pods, and a table of what Knarr's processes hold after it. */
import { median, rounded } from '../bench/statistics.js';
import { TestCluster } from '../support/cluster.js';
import type { ChurnResult } from './churn.js';
import { churn, growth } from './churn.js';

/** More than this of what was held before is a leak; a few percent are code that is compiled when it is first needed. */
const toleratedGrowth = 1.15;

const mebibyte = 1024 * 1024;

export interface SoakNodeOptions {
  readonly minutes: number;
  readonly pods: number;
  readonly say: (line: string) => void;
}

/** True where nothing is left and what is held does not grow. */
export async function soakNode({ minutes, pods, say }: SoakNodeOptions): Promise<boolean> {
  const cluster = await TestCluster.prepare();
  try {
    await cluster.up();
    const endMs = performance.now() + minutes * 60_000;
    const goesOn = (): boolean => performance.now() < endMs;
    const result = await churn({ cluster, pods, goesOn, collectsGarbage: true, progress: say });
    return judge(result, say);
  } finally {
    await cluster.purge();
  }
}

function judge({ rounds, pods, leftBehind, held }: ChurnResult, say: (line: string) => void): boolean {
  say(`\n${pods} pods in ${rounds} rounds`);
  const grown: string[] = [];
  const told = (values: readonly number[]): string =>
    `${rounded(values[0] ?? Number.NaN)} to ${rounded(values.at(-1) ?? Number.NaN)}, median ${rounded(median(values))}`;
  const judged = (process: string, what: string, values: readonly number[]): string => {
    const by = growth(values);
    if (by > toleratedGrowth) grown.push(`${what} of ${process} grew by ${rounded(by)} times`);
    return `${what} ${told(values)}`;
  };
  for (const [process, all] of held) {
    const memory = all.map(({ memoryBytes }) => memoryBytes / mebibyte);
    const objects = all.flatMap(({ objectBytes }) =>
      objectBytes === undefined ? [] : [objectBytes / mebibyte],
    );
    const files = all.map(({ openFiles }) => openFiles);
    // What the kernel counts holds garbage, too: it says something only where nobody can be asked for more.
    const ofMemory =
      objects.length === 0
        ? judged(process, 'memory', memory)
        : `${judged(process, 'objects and buffers', objects)} MiB; memory ${told(memory)}`;
    say(`${process}: ${ofMemory} MiB; ${judged(process, 'open files', files)}`);
  }
  for (const sentence of [...leftBehind.map((what) => `left behind: ${what}`), ...grown]) say(sentence);
  if (rounds < 6) say('fewer than six rounds say little of growth: give it more minutes');
  return leftBehind.length === 0 && grown.length === 0;
}
