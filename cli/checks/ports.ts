/** Whether the ports of a cluster are free, and who holds the one that is not. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { portsOf } from '../layout.js';
import type { Settings } from '../layout.js';
import { fail, ok } from './check.js';
import type { CheckResult } from './check.js';

const flagOfPort: Readonly<Record<string, string>> = {
  securePort: '--secure-port',
  kubeletPort: '--kubelet-port',
  kubeletHealthzPort: '--kubelet-healthz-port',
  schedulerPort: '--scheduler-port',
  controllerManagerPort: '--controller-manager-port',
  proxyHealthzPort: '--proxy-healthz-port',
};

/** `isOwn` says whether a process is one that Knarr itself started on this run folder. */
export async function checkPorts(
  settings: Settings,
  isOwn: (pid: number) => boolean,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { port, process } of portsOf(settings)) {
    if (await isFree(port)) continue;
    const holder = holderOfPort(port);
    if (holder !== undefined && isOwn(holder.pid)) continue;
    const who =
      holder === undefined ? 'another process' : `${holder.command} (process ${String(holder.pid)})`;
    const key = Object.entries(settings).find(([, value]) => value === port)?.[0] ?? '';
    results.push(
      fail(
        'ports',
        `port ${String(port)}, which the ${process} needs, is in use by ${who}`,
        `end that process, or choose another port with ${flagOfPort[key] ?? 'a flag'}`,
      ),
    );
  }
  const all = portsOf(settings).map(({ port }) => String(port));
  return results.length > 0 ? results : [ok('ports', `${all.join(', ')} are free or Knarr's own`)];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    // All addresses at once: a listener on any one of them is in the way.
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** The inode of the socket that listens on the port, in the text of /proc/net/tcp or tcp6. Pure. */
export function listeningInode(table: string, port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    // State 0A is LISTEN.
    if (fields[1]?.endsWith(`:${hex}`) === true && fields[3] === '0A') return fields[9];
  }
  return undefined;
}

/** Looks through all processes for the one that has the socket open. Costs milliseconds: only for messages. */
export function holderOfPort(port: number): { readonly pid: number; readonly command: string } | undefined {
  const inode = ['/proc/net/tcp', '/proc/net/tcp6']
    .map((table) => listeningInode(readFileSync(table, 'utf8'), port))
    .find((found) => found !== undefined);
  if (inode === undefined) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const open = readdirSync(`/proc/${pid}/fd`).some(
        (descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`) === `socket:[${inode}]`,
      );
      if (open) return { pid: Number(pid), command: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
    } catch (error) {
      // Processes and descriptors come and go while one looks.
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' && code !== 'ESRCH' && code !== 'EACCES') throw error;
    }
  }
  return undefined;
}
