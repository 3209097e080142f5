/**
 * The CNI daemon: runs the plugins in a process that is already there, because starting one is most of the cost
 * of a call. The launcher scripts of `install` find it at its socket and do without it when it is down.
 */
import { systemClock } from '../../common/clock.js';
import { runComponent } from '../../common/component.js';
import { createPlugins } from '../registry.js';
import { LinkRemover } from './link-remover.js';
import { servePlugins } from './server.js';

await runComponent<{ socket: string }>({
  name: 'cni-daemon',
  description: 'Serves CNI calls of the container runtime on a Unix socket.',
  flags: (command) =>
    command.option('--socket <path>', 'Unix socket to serve, for root alone', '/run/knarr/cni.sock'),
  async run(flags, { log, signal }) {
    // The socket must never be open to others, not even between its creation and a chmod.
    process.umask(0o177);
    const remover = new LinkRemover(systemClock);
    const plugins = createPlugins((name) => remover.remove(name));
    await servePlugins({ socketPath: flags.socket, plugins, log }, signal);
    await remover.close();
  },
});
