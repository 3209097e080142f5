/** Asks each server of an etcd whether it answers, by the store tool: the command line itself speaks no gRPC. */
import { join } from 'node:path';
import { tryCommand } from '../../common/run-command.js';
import { etcdFlagValues } from '../etcd-access.js';
import { parseStore } from '../layout.js';
import type { Settings } from '../layout.js';
import { fail, ok, warn } from './check.js';
import type { CheckResult } from './check.js';

export interface EtcdCheckContext {
  readonly settings: Settings;
  readonly nodePath: string;
  readonly buildDir: string;
}

/** What the store tool found, by server; `problem` is absent where all is well. */
export interface EtcdProbe {
  readonly servers: readonly { readonly url: string; readonly problem?: string }[];
}

/** Nothing for an embedded store. One server that answers is enough, as it is for the apiserver. */
export async function checkEtcd({ settings, nodePath, buildDir }: EtcdCheckContext): Promise<CheckResult[]> {
  const store = parseStore(settings.store);
  if (store.backend === 'embedded') return [];
  const flags = { 'etcd-servers': store.servers.join(','), ...etcdFlagValues(settings), output: 'json' };
  const { stdout, stderr } = await tryCommand(nodePath, [
    join(buildDir, 'apiserver', 'store-tool', 'main.js'),
    'probe-etcd',
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
  ]);
  // Without a result it was not even tried: a file is missing, or flags contradict each other.
  if (stdout === '')
    return [fail('etcd', stderr.trim().replace(/^knarr: /, ''), 'correct the flags or the file')];
  return judgeEtcd(JSON.parse(stdout) as EtcdProbe);
}

/** Which servers answer, in words. Pure. */
export function judgeEtcd({ servers }: EtcdProbe): CheckResult[] {
  const broken = servers.filter(({ problem }) => problem !== undefined);
  const answering = servers.length - broken.length;
  if (broken.length === 0) return [ok('etcd', `${servers.map(({ url }) => url).join(', ')} answer`)];
  const say = answering === 0 ? fail : warn;
  return broken.map(({ url, problem = '' }) =>
    say(
      'etcd',
      problem.includes(url) ? problem : `${url}: ${problem}`,
      'start it, or correct --store and --etcd-…',
    ),
  );
}
