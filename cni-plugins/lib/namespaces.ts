/**
 * The one place that enters network namespaces.
 *
 * A thread that changes its namespace is dangerous in a runtime that shares threads: whatever runs on it next
 * works on the wrong network, and a thread started meanwhile inherits it. So nobody runs code inside a
 * namespace here. The thread enters, opens a socket, and comes back, all in one synchronous piece; a socket
 * keeps the namespace that it was opened in, and everything else is done through it. When the way back fails,
 * the process cannot be trusted any more and is aborted.
 */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { NetlinkError, NetlinkSocket, families } from '../../common/netlink/socket.js';
import { CniError, errorCodes } from './spec.js';

const CLONE_NEWNET = 0x4000_0000;
const setns = koffi.load('libc.so.6').func('int setns(int, int)') as (fd: number, kind: number) => number;

/** The thread's own namespace, opened before it is ever left. */
let home: number | undefined;

/** A network namespace held open: its path may go away meanwhile. */
export class NetworkNamespace {
  readonly path: string;
  /** File descriptor, for netlink requests that name a namespace. */
  readonly fd: number;

  /** Throws CniError (code 3) when there is no such namespace. */
  constructor(path: string) {
    this.path = path;
    try {
      this.fd = openSync(path, 'r');
    } catch (error) {
      throw new CniError(
        errorCodes.unknownContainer,
        `the network namespace ${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }

  /** A netlink socket inside of the namespace. The caller closes it. */
  openNetlink(): NetlinkSocket {
    home ??= openSync('/proc/thread-self/ns/net', 'r');
    if (setns(this.fd, CLONE_NEWNET) < 0) {
      throw new CniError(
        errorCodes.unknownContainer,
        new NetlinkError(koffi.errno(), `${this.path} is not a network namespace that can be entered`)
          .message,
      );
    }
    try {
      return new NetlinkSocket(families.route);
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) process.abort();
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Opens the namespace and a socket in it, hands both to `use`, and closes them whatever happens. */
export function withNamespace<T>(
  path: string,
  use: (netlink: NetlinkSocket, namespace: NetworkNamespace) => T,
): T {
  const namespace = new NetworkNamespace(path);
  try {
    const netlink = namespace.openNetlink();
    try {
      return use(netlink, namespace);
    } finally {
      netlink.close();
    }
  } finally {
    namespace.close();
  }
}
