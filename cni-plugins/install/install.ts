/** Writes the executables of all plugins into the folder where the container runtime looks for them. */
import { accessSync, constants, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pluginNames } from '../registry-names.js';
import { launcherScript } from './launcher-script.js';
import type { LauncherScriptOptions } from './launcher-script.js';

export interface InstallOptions {
  readonly binFolder: string;
  readonly nodePath: string;
  /** The compiled `cni-plugins` folder. */
  readonly pluginFolder: string;
  readonly socketPath?: string;
  readonly logFile?: string;
}

/** Where Debian, Ubuntu and the alternatives system put OpenBSD's netcat. */
const netcatPaths = ['/bin/nc.openbsd', '/usr/bin/nc.openbsd'];
const timeoutSeconds = 60;

/** The paths written, and whether they use the daemon. Repeatable; a call that runs meanwhile is not disturbed. */
export function install(options: InstallOptions): { readonly paths: string[]; readonly usesDaemon: boolean } {
  mkdirSync(options.binFolder, { recursive: true });
  const netcatPath = netcatPaths.find(isExecutable);
  const daemon: LauncherScriptOptions['daemon'] | undefined =
    options.socketPath === undefined || netcatPath === undefined
      ? undefined
      : { socketPath: options.socketPath, netcatPath, timeoutSeconds };
  const paths = pluginNames.map((plugin) => {
    const script = launcherScript({
      plugin,
      nodePath: options.nodePath,
      mainPath: join(options.pluginFolder, plugin, 'main.js'),
      ...(daemon === undefined ? {} : { daemon }),
      ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    });
    const path = join(options.binFolder, plugin);
    const temporary = `${path}.new-${process.pid}`;
    writeFileSync(temporary, script, { mode: 0o755 });
    renameSync(temporary, path);
    return path;
  });
  return { paths, usesDaemon: daemon !== undefined };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us: both mean that it cannot be used.
    return false;
  }
}
