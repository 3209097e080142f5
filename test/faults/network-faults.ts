/** What a network does to those who talk through these proxies. */
import type { TcpProxy } from '../support/tcp-proxy.js';
import { below, between } from './choose.js';
import type { Random } from './choose.js';
import type { Fault } from './fault.js';

const cutEveryMs = [50, 600] as const;
const delayMs = [20, 800] as const;
/** From the middle of a TLS handshake to some lists. */
const cutAfterBytes = 60_000;

/** `where` is put before the names: `client` or `store`. */
export function networkFaults(where: string, proxies: readonly TcpProxy[]): readonly Fault[] {
  const all = (harm: (proxy: TcpProxy) => void): void => {
    for (const proxy of proxies) harm(proxy);
  };
  return [
    {
      name: `${where}-cut`,
      inflict: async (random) =>
        repeat(random, cutEveryMs, () => {
          all((proxy) => {
            proxy.cut();
          });
        }),
    },
    {
      name: `${where}-cut-after`,
      inflict: async (random) => {
        all((proxy) => {
          proxy.cutEachAfter(() => ({
            direction: random() < 0.5 ? 'to-server' : 'to-client',
            bytes: 1 + below(random, cutAfterBytes),
          }));
          proxy.cut();
        });
        return async () => {
          all((proxy) => {
            proxy.cutEachAfter(undefined);
          });
        };
      },
    },
    {
      name: `${where}-delay`,
      inflict: async (random) => {
        all((proxy) => {
          proxy.delay(between(random, delayMs));
        });
        return async () => {
          all((proxy) => {
            proxy.delay(0);
          });
        };
      },
    },
    {
      name: `${where}-half-open`,
      inflict: async (random) => {
        // One way or both: when only answers vanish, everything is done and nobody is told.
        const directions = (['both', 'to-client', 'to-server'] as const)[below(random, 3)] ?? 'both';
        all((proxy) => {
          proxy.hold(directions);
        });
        return async () => {
          all((proxy) => {
            proxy.hold('none');
            // Bytes are missing in these connections: nobody may go on with them.
            proxy.cut();
          });
        };
      },
    },
  ];
}

/** Does it now and again and again, until the function that is returned is called. */
function repeat(random: Random, everyMs: readonly [number, number], act: () => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    act();
    timer = setTimeout(next, between(random, everyMs));
  };
  next();
  return async () => {
    clearTimeout(timer);
  };
}
