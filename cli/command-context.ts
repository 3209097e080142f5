/** What a command is given by main.ts: the process, the person and the flags, so that commands read no globals. */
import type { exitCodes } from '../common/usage-error.js';
import { currentPerson, personalKubeconfig } from './host/person.js';
import type { Person } from './host/person.js';
import { chooseNodeIp, readAddresses, readRoutes } from './host/routes.js';
import { resolveLayout } from './layout.js';
import type { Layout, Settings } from './layout.js';
import { findSettings } from './settings-file.js';
import type { SettingsFlags } from './settings-file.js';
import type { Terminal } from './terminal.js';

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  readonly flags: SettingsFlags;
  readonly isRoot: boolean;
  readonly nodeVersion: string;
  readonly nodePath: string;
  /** Folder of the compiled programs. */
  readonly buildDir: string;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface FoundCluster {
  readonly layout: Layout;
  /** Settings under which processes were started since the last boot, if any. */
  readonly running: Settings | undefined;
  readonly person: Person;
}

/** The cluster that the flags, the remembered settings and the defaults mean. */
export async function findCluster(context: CommandContext): Promise<FoundCluster> {
  const person = currentPerson(context.environment);
  const { settings, running } = await findSettings(context.flags, {
    nodeIp: ({ clusterCidr }) => chooseNodeIp(readRoutes(), readAddresses(), clusterCidr),
    kubeconfig: () => personalKubeconfig(context.environment, person),
  });
  return { layout: resolveLayout(settings), running, person };
}
