/** The loopback plugin: a new network namespace has a loopback device, but it is down. */
import { findLink, setUp } from '../lib/links.js';
import { withNamespace } from '../lib/namespaces.js';
import { CniError, errorCodes } from '../lib/spec.js';
import type { AddResult, Plugin } from '../lib/spec.js';

export const loopback: Plugin = {
  name: 'loopback',

  async add(call): Promise<AddResult> {
    return withNamespace(call.namespacePath, (netlink) => {
      const link = findLink(netlink, 'lo');
      if (link === undefined) throw noDevice(call.namespacePath);
      // The kernel gives the device its address when it comes up.
      setUp(netlink, link.index);
      return {
        interfaces: [{ name: 'lo', mac: link.mac, sandbox: call.namespacePath }],
        ips: [{ address: '127.0.0.1/8', interface: 0 }],
      };
    });
  },

  /** Nothing to undo: the device goes with its namespace. */
  async delete(): Promise<void> {
    return Promise.resolve();
  },

  async check(call): Promise<void> {
    withNamespace(call.namespacePath, (netlink) => {
      const link = findLink(netlink, 'lo');
      if (link === undefined) throw noDevice(call.namespacePath);
      if (!link.up) {
        throw new CniError(errorCodes.checkFailed, `the loopback device of ${call.namespacePath} is down`);
      }
    });
  },

  async collectGarbage(): Promise<void> {
    return Promise.resolve();
  },

  async status(): Promise<void> {
    return Promise.resolve();
  },
};

function noDevice(path: string): CniError {
  return new CniError(errorCodes.networkFailure, `the network namespace ${path} has no loopback device`);
}
