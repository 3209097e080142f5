/** Installs the CNI plugins into a folder: run by the launcher before the container runtime starts. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runComponent } from '../../common/component.js';
import { install } from './install.js';

await runComponent<{ binDir: string; socket?: string; logFile?: string }>({
  name: 'cni-install',
  description: 'Writes the executables of the CNI plugins.',
  flags: (command) =>
    command
      .requiredOption('--bin-dir <folder>', 'folder in which the container runtime looks for plugins')
      .option('--socket <path>', 'socket of the CNI daemon; without it each call is a process of its own')
      .option('--log-file <path>', 'gets a line for each call that found no daemon'),
  async run(flags, { log }) {
    const installed = install({
      binFolder: flags.binDir,
      nodePath: process.execPath,
      pluginFolder: dirname(dirname(fileURLToPath(import.meta.url))),
      ...(flags.socket === undefined ? {} : { socketPath: flags.socket }),
      ...(flags.logFile === undefined ? {} : { logFile: flags.logFile }),
    });
    if (flags.socket !== undefined && !installed.usesDaemon) {
      log.warn('the package netcat-openbsd is not installed: each CNI call will be a process of its own');
    }
    log.info('installed CNI plugins', { paths: installed.paths, daemon: installed.usesDaemon });
    return Promise.resolve();
  },
});
