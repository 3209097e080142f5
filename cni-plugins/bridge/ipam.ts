/** Asks the IPAM plugin that the configuration names for an address. */
import { hostLocal } from '../host-local/host-local.js';
import { delegate } from '../lib/delegate.js';
import type { AddResult, AttachmentCall, NetworkCall } from '../lib/spec.js';

/**
 * The specification says that a plugin executes its IPAM plugin. Knarr's own host-local is called as a function
 * instead: it is the code that the executable beside this one would run, and a process costs more than all the
 * rest of an ADD. Every other type is executed.
 */
export const ipam = {
  async add(type: string, call: AttachmentCall): Promise<AddResult> {
    return type === hostLocal.name ? hostLocal.add(call) : delegate(type, 'ADD', call);
  },
  async delete(type: string, call: AttachmentCall): Promise<void> {
    if (type === hostLocal.name) await hostLocal.delete(call);
    else await delegate(type, 'DEL', call);
  },
  async check(type: string, call: AttachmentCall): Promise<void> {
    if (type === hostLocal.name) await hostLocal.check(call);
    else await delegate(type, 'CHECK', call);
  },
  async collectGarbage(type: string, call: NetworkCall): Promise<void> {
    if (type === hostLocal.name) await hostLocal.collectGarbage(call);
    else await delegate(type, 'GC', call);
  },
  async status(type: string, call: NetworkCall): Promise<void> {
    if (type === hostLocal.name) await hostLocal.status(call);
    else await delegate(type, 'STATUS', call);
  },
};
