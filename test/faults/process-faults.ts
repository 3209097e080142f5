/** What happens to the API servers themselves. */
import { setTimeout as delay } from 'node:timers/promises';
import { between, pick } from './choose.js';
import type { Fault } from './fault.js';
import type { ServerProcess } from './server-process.js';

/** How long a killed server stays down. */
const downMs = [0, 400] as const;

export function processFaults(servers: readonly ServerProcess[]): readonly Fault[] {
  const end = (name: string, signal: 'SIGKILL' | 'SIGTERM'): Fault => ({
    name,
    inflict: async (random) => {
      const server = pick(random, servers);
      await server.end(signal);
      await delay(between(random, downMs));
      server.start();
      return async () => {
        server.start();
      };
    },
  });
  return [
    end('kill-apiserver', 'SIGKILL'),
    end('restart-apiserver', 'SIGTERM'),
    {
      name: 'freeze-apiserver',
      inflict: async (random) => {
        const server = pick(random, servers);
        server.freeze();
        return async () => {
          server.thaw();
        };
      },
    },
  ];
}
