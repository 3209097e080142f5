/** Debian's docker-registry on a free loopback port, for tests. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-ports.js';
import { until } from './until.js';

export interface RunningRegistry {
  /** `localhost:PORT`: containerd speaks plain HTTP to a registry of this name. */
  readonly host: string;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
}

/** Starts an empty registry and resolves when it serves. Rejects when docker-registry is not installed. */
export async function startRegistry(): Promise<RunningRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-registry-'));
  const port = await freePort();
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${join(folder, 'data')} } }
http: { addr: "127.0.0.1:${port}" }
`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'ignore'] });
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  await until(
    'the registry serves',
    async () => {
      if (failure !== undefined) throw failure;
      return fetch(`http://127.0.0.1:${port}/v2/`).then(
        (response) => response.ok,
        // Not listening yet.
        () => false,
      );
    },
    20_000,
  );
  return {
    host: `localhost:${port}`,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
