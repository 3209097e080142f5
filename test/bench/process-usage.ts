/** CPU and memory of processes, from /proc. */
import { readFileSync } from 'node:fs';

export interface Usage {
  readonly name: string;
  /** Of one core, averaged over the time measured. */
  readonly cpuPercent: number;
  /** Proportional set size: what is shared counts in parts. */
  readonly memoryBytes: number;
}

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Usage of each process over `seconds`. Throws when one of them ends meanwhile. */
export async function measureUsage(
  processes: readonly { readonly name: string; readonly pid: number }[],
  seconds: number,
): Promise<Usage[]> {
  const before = processes.map(({ pid }) => cpuTicks(pid));
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const elapsed = (performance.now() - startMs) / 1000;
  return processes.map(({ name, pid }, i) => ({
    name,
    cpuPercent: ((cpuTicks(pid) - (before[i] ?? 0)) / ticksPerSecond / elapsed) * 100,
    memoryBytes: proportionalBytes(pid),
  }));
}

/** Those that run, in the order given. */
export function supervisedProcesses(
  processes: readonly { readonly name: string; readonly pid?: number }[],
): { readonly name: string; readonly pid: number }[] {
  return processes.flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name, pid }]));
}

/** CPU time that a process has used since it began. */
export function cpuSeconds(pid: number): number {
  return cpuTicks(pid) / ticksPerSecond;
}

/** The same of one thread; the main one has the id of its process. */
export function threadCpuSeconds(pid: number, thread: number): number {
  return cpuTicks(pid, `task/${thread}/`) / ticksPerSecond;
}

function statFields(pid: number, thread: string): string[] {
  const text = readFileSync(`/proc/${pid}/${thread}stat`, 'utf8');
  // The command in parentheses may hold spaces.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function cpuTicks(pid: number, thread = ''): number {
  const fields = statFields(pid, thread);
  return Number(fields[11]) + Number(fields[12]);
}

/** Memory of one process now: its own, and its part of what it shares. */
export function proportionalBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}
