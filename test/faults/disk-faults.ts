/** What happens to the disk below a store. */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningEtcd } from '../support/etcd.js';
import { between } from './choose.js';
import type { Fault } from './fault.js';
import type { ServerProcess } from './server-process.js';
import type { SmallDisk } from './small-disk.js';

/** Some tens of commits a second at the most, and one now and then that takes a second. */
const slowBytesPerSecond = [10_000, 400_000] as const;

/** On the disk of one server; the second fault kills the server while there is no room, and again when there is. */
export function fullDiskFaults(disk: SmallDisk, server: ServerProcess): readonly Fault[] {
  return [
    {
      name: 'disk-full',
      inflict: async () => {
        await disk.fill();
        return () => disk.free();
      },
    },
    {
      name: 'kill-on-full-disk',
      inflict: async (random) => {
        await disk.fill();
        await delay(between(random, [0, 1_000]));
        await server.end('SIGKILL');
        server.start();
        return async () => {
          await disk.free();
          await delay(between(random, [0, 1_500]));
          await server.end('SIGKILL');
          server.start();
        };
      },
    },
  ];
}

/** On the disk of one member of etcd. etcd ends when it cannot write; it is started again when there is room. */
export function fullMemberDiskFault(disk: SmallDisk, member: RunningEtcd): Fault {
  return {
    name: 'member-disk-full',
    inflict: async () => {
      await disk.fill();
      return async () => {
        await disk.free();
        if (!member.isRunning) await member.start();
      };
    },
  };
}

export function slowDiskFault(disk: SmallDisk, name = 'slow-disk'): Fault {
  return {
    name,
    inflict: async (random) => {
      disk.throttle(Math.round(between(random, slowBytesPerSecond)));
      return async () => {
        disk.throttle(undefined);
      };
    },
  };
}
