/** Whether the servers of an etcd answer, each by itself: what `knarr up` asks before it starts anything. */
import { exitCodes } from '../../common/usage-error.js';
import type { Logger } from '../../common/log.js';
import { openStore } from '../storage/backends/registry.js';
import { StoreError } from '../storage/store.js';
import { readEtcdFlags } from '../store-flags.js';
import type { StoreFlags } from '../store-flags.js';
import type { ExitCode, ToolContext } from './commands.js';
import { report } from './report.js';

export interface ProbeFlags extends Omit<StoreFlags, 'storageBackend' | 'etcdCompactionInterval'> {
  readonly etcdServers: string;
}

/** Reads one key from each, with the certificates and the user that the apiserver will have. The exit code is 1 when none answers. */
export async function probeEtcd(
  { output, signal }: Pick<ToolContext, 'output' | 'signal'>,
  flags: ProbeFlags,
  log: Logger,
): Promise<ExitCode> {
  const options = readEtcdFlags(flags, flags.etcdServers.split(','));
  const servers = await Promise.all(
    options.endpoints.map(async (url): Promise<{ readonly url: string; readonly problem?: string }> => {
      try {
        const once = { compactionIntervalMs: 0, startTimeoutMs: 0, log, signal };
        const store = await openStore({ ...options, ...once, endpoints: [url] });
        await store.close();
        return { url };
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        return { url, problem: error.message };
      }
    }),
  );
  report(
    output,
    { servers },
    servers.map(({ url, problem }) => (problem === undefined ? `${url} answers` : problem)),
  );
  return servers.some(({ problem }) => problem === undefined) ? exitCodes.ok : exitCodes.failed;
}
