/** Storms for the simulator: random ones by seed, and the time that no admission whatever could beat. */
import { adaptive } from '../../kubelet/startup/controllers/adaptive.js';
import { seededRandom } from './seeded-random.js';
import type { Phase, SimulatedDevice, SimulatedPod, Storm } from './startup-simulator.js';

export const mebibyte = 2 ** 20;

/** A crowd on one or two disks; all that a user or a cloud may choose is chosen at random. */
export function randomStorm(seed: number): Storm {
  const random = seededRandom(seed);
  const within = (least: number, most: number): number => least * (most / least) ** random();
  const chance = (share: number): boolean => random() < share;
  const isSteady = chance(0.7);
  const devices = Array.from({ length: chance(0.25) ? 2 : 1 }, (_, at): SimulatedDevice => {
    const bytesPerSecond = within(4, 200) * mebibyte;
    const rates = [{ fromMs: 0, bytesPerSecond }];
    if (!isSteady) {
      const fromMs = within(5000, 30_000);
      rates.push({ fromMs, bytesPerSecond: bytesPerSecond / 4 }, { fromMs: fromMs + 20_000, bytesPerSecond });
    }
    const hasDiskstats = chance(0.8);
    // Pressure is told of a device by its diskstats: without them there is none.
    const hasPressure = hasDiskstats && (chance(0.7) || (chance(0.5) && 'blind'));
    return { key: `disk-${String(at)}`, rates, hasDiskstats, hasPressure };
  });
  const count = Math.round(within(15, 50));
  const isMixed = chance(0.4);
  const computeMs = chance(0.3) ? within(100, 3000) : 0;
  const seconds = within(40, 120);
  const pods = Array.from({ length: count }, (_, at): SimulatedPod => {
    const device = devices[at % devices.length];
    const rate = device?.rates[0]?.bytesPerSecond ?? 0;
    // All together they need the disk for so many seconds.
    const bytes = ((rate * seconds * devices.length) / count) * (isMixed ? within(0.2, 3) : 1);
    const aloneMs = computeMs + (bytes / rate) * 1000;
    return {
      name: `pod-${String(at)}`,
      owner: `owner-${String(at % 7)}`,
      arriveAtMs: chance(0.2) ? random() * 10_000 : 0,
      create: [{ on: 'cpu', amount: 100 }],
      start: [
        { on: 'wait', amount: computeMs },
        { on: device?.key ?? '', amount: bytes },
      ],
      ...(chance(0.9) && { deadlineMs: within(6, 20) * aloneMs + 4000 }),
      ...(chance(0.3) && { priority: Math.floor(random() * 10) }),
      ...(chance(0.02) && { isCritical: true }),
      ...(at > 2 && chance(0.1) && { after: [`pod-${String(Math.floor(random() * 3))}`] }),
      ...(chance(0.3) && { expectedBytes: bytes }),
    };
  });
  return { seed, devices, pods, controller: adaptive(), noise: 0.15, hasCgroupPressure: chance(0.5) };
}

/**
 * No order of starts could be done sooner, in milliseconds: each Pod needs its own time, after those that it must come
 * after, and each disk needs the time of its bytes from the moment at which the first of them can be asked for.
 */
export function idealMs({ pods, devices, cores = 2 }: Storm): number {
  const byName = new Map(pods.map((pod) => [pod.name, pod]));
  const disks = new Map(devices.map((device) => [device.key, device]));
  const firstByteMs = (pod: SimulatedPod): number => {
    const before = (pod.after ?? []).map((name) => readyMs(byName.get(name)));
    const phases = [...pod.create, ...pod.start];
    const index = phases.findIndex(({ on }) => disks.has(on));
    const ownMs = phases.slice(0, index).reduce((sum, { amount }) => sum + amount, 0);
    return Math.max(pod.arriveAtMs, ...before) + ownMs;
  };
  const bytesOf = ({ create, start }: SimulatedPod, key: string): number =>
    [...create, ...start].filter(({ on }) => on === key).reduce((sum, { amount }) => sum + amount, 0);
  const readyMs = (pod: SimulatedPod | undefined): number => {
    if (pod === undefined) return 0;
    let nowMs = firstByteMs(pod);
    for (const disk of devices) nowMs = readUntilMs(disk, nowMs, bytesOf(pod, disk.key));
    return nowMs;
  };
  const ofDisk = (disk: SimulatedDevice): number => {
    const users = pods
      .filter((pod) => bytesOf(pod, disk.key) > 0)
      .map((pod) => ({ fromMs: firstByteMs(pod), bytes: bytesOf(pod, disk.key) }))
      .sort((a, b) => b.fromMs - a.fromMs);
    let bytes = 0;
    let boundMs = 0;
    for (const user of users) {
      bytes += user.bytes;
      boundMs = Math.max(boundMs, readUntilMs(disk, user.fromMs, bytes));
    }
    return boundMs;
  };
  const isComputing = ({ on }: Phase): boolean => on === 'cpu';
  const computed = pods.flatMap(({ create, start }) => [...create, ...start].filter(isComputing));
  const ofProcessors = computed.reduce((sum, { amount }) => sum + amount, 0) / cores;
  return Math.max(ofProcessors, ...pods.map(readyMs), ...devices.map(ofDisk));
}

function readUntilMs({ rates }: SimulatedDevice, fromMs: number, bytes: number): number {
  let nowMs = fromMs;
  let left = bytes;
  for (const [at, { bytesPerSecond }] of rates.entries()) {
    const untilMs = rates[at + 1]?.fromMs ?? Infinity;
    if (untilMs <= nowMs) continue;
    const neededMs = (left / bytesPerSecond) * 1000;
    if (nowMs + neededMs <= untilMs) return nowMs + neededMs;
    left -= ((untilMs - nowMs) * bytesPerSecond) / 1000;
    nowMs = untilMs;
  }
  return nowMs;
}
