/** Where the processor time of a server goes: the samples of a CPU profile, by the part of the program that they belong to. */

/** What of the format of V8's profiles is read here. Times in µs of the machine's monotonic clock. */
export interface CpuProfile {
  readonly startTime: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export const restOfNode = 'the rest of Node: event loop, promises, timers';
const garbage = 'garbage collection';
const transport = 'TLS, HTTP/2 and streams';

/** The first that fits names the stage of a file of this project. */
const stages: readonly (readonly [file: RegExp, stage: string])[] = [
  [/^apiserver\/http\/(body|parse-)/, 'the body: JSON, keys that stand twice'],
  [/^apiserver\/http\/(route|negotiation)/, 'route, access, fairness, metrics'],
  [/^apiserver\/http\//, transport],
  [
    /^apiserver\/(dispatch|metrics|filters|flow-control|access)|^common\//,
    'route, access, fairness, metrics',
  ],
  [/^api\/schema\/|read-object|resources\/[^/]+\/defaults/, 'schema and defaults'],
  [/^api\/apply\/|field-management/, 'field managers, and comparing'],
  [/^api\/patch\//, 'patches'],
  [/^apiserver\/(admission|resources)\/|^api\//, 'admission and validation'],
  [
    /object-codec|stored-object|recent-objects|resource-storage|omit/,
    'the stored form: JSON, selectable fields',
  ],
  [/^apiserver\/storage\//, 'store, log and watch cache'],
  [/^apiserver\//, 'handlers'],
];

/**
 * Shares of the time in which the main thread was not idle, by stage. What Node does on behalf of a file of ours counts as
 * that file's. Only samples between the two times are looked at. Pure.
 */
export function stageShares(profile: CpuProfile, fromUs: number, toUs: number): ReadonlyMap<string, number> {
  const stageOf = stagesOfNodes(profile);
  const sums = new Map<string, number>();
  let total = 0;
  let atUs = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[index] ?? 0;
    atUs += deltaUs;
    const stage = stageOf.get(id);
    if (atUs < fromUs || atUs > toUs || stage === undefined) continue;
    sums.set(stage, (sums.get(stage) ?? 0) + deltaUs);
    total += deltaUs;
  }
  return new Map([...sums].map(([stage, sum]) => [stage, sum / total]));
}

/** By the id of a node; idle ones are left out. */
function stagesOfNodes({ nodes }: CpuProfile): ReadonlyMap<number, string> {
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const own = new Map(nodes.map(({ id, callFrame }) => [id, stageOfFrame(callFrame)]));
  const result = new Map<number, string>();
  for (const { id, callFrame } of nodes) {
    if (callFrame.functionName === '(idle)') continue;
    let at: number | undefined = id;
    while (at !== undefined && own.get(at) === undefined) at = parents.get(at);
    result.set(id, (at === undefined ? undefined : own.get(at)) ?? restOfNode);
  }
  return result;
}

function stageOfFrame({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string | undefined {
  if (functionName === '(garbage collector)') return garbage;
  if (/^node:(internal\/)?(http2|_?tls|net|stream)/.test(url)) return transport;
  const [, file] = /\/dist\/(.*)$/.exec(url) ?? [];
  return file === undefined ? undefined : stages.find(([pattern]) => pattern.test(file))?.[1];
}
