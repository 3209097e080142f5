/** The supervisor: `node main.js --run-dir DIR`, started by `knarr up`, kept running in the background. */
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { systemClock, sleep } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import { exitCodes } from '../../common/usage-error.js';
import { resolveLayout } from '../layout.js';
import { processDefinitions } from '../processes.js';
import { readSettings } from '../settings-file.js';
import { serveControl } from './control.js';
import { identify, PidFolder } from './process-identity.js';
import { defaultRotation, rotateLog } from './rotate-log.js';
import { Supervisor } from './supervise.js';

const rotationCheckMs = 60_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { 'run-dir': { type: 'string' }, hold: { type: 'string', multiple: true } },
  });
  const runDir = values['run-dir'];
  if (runDir === undefined) throw new Error('--run-dir is needed');
  const settings = await readSettings(runDir);
  if (settings === undefined) throw new Error(`${runDir} holds no settings: start me through knarr up`);
  const layout = resolveLayout(settings);
  const definitions = processDefinitions(layout, {
    buildDir: join(dirname(fileURLToPath(import.meta.url)), '..', '..'),
    node: process.execPath,
    environment: process.env,
  });

  const log = createLogger('supervisor');
  const abort = new AbortController();
  const leave = (): void => {
    abort.abort();
  };
  process.on('SIGTERM', leave);
  process.on('SIGINT', leave);
  // The terminal that started it is gone: nothing to do with us.
  process.on('SIGHUP', () => undefined);

  const pids = new PidFolder(layout.run.pids);
  const supervisor = new Supervisor(definitions, { clock: systemClock, log, pids }, values.hold);
  const startedAt = systemClock.now();
  const control = await serveControl(layout.run.supervisorSocket, {
    status: () => ({ pid: process.pid, startedAt, processes: supervisor.status() }),
    release: () => {
      supervisor.release();
    },
    retryNow: () => {
      supervisor.retryNow();
    },
    leave,
  });
  const self = identify(process.pid);
  if (self !== undefined) pids.write({ ...self, name: 'supervisor', startedAt, restarts: 0 });
  const files = [...definitions.map(({ logFile }) => logFile), join(layout.logs.root, 'supervisor.log')];
  const rotate = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      await sleep(systemClock, rotationCheckMs, abort.signal);
      for (const file of files) {
        try {
          if (await rotateLog(file, defaultRotation)) log.info('rotated a log', { file });
        } catch (err) {
          // A full disk, for example: what runs matters more than its log.
          log.warn('a log cannot be rotated', { file, err });
        }
      }
    }
  };
  await Promise.all([supervisor.run(abort.signal), rotate()]);
  pids.remove('supervisor');
  control.close();
  control.closeAllConnections();
}

main().then(
  () => {
    process.exit(exitCodes.ok);
  },
  (error: unknown) => {
    createLogger('supervisor').error('ended by an error', { err: error });
    process.exit(exitCodes.failed);
  },
);
