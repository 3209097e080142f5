/** Keeps the APIServices of what this server serves itself: there, and available. */
import { apiServices } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import { createUnlessThere } from '../bootstrap/system-objects.js';
import type { ServerParts } from '../handlers/context.js';
import { reportAvailability } from './aggregator.js';
import { localServices, managedLabel } from './local-services.js';

/** Custom resources come and go: looked at this often, which costs nothing while nothing has changed. */
const lookEveryMs = 1_000;

const local = { status: 'True', reason: 'Local', message: 'Local APIServices are always available' };

/** Runs until the signal aborts. Errors are logged; the next round tries again. */
export async function registerLocalServices(parts: ServerParts, signal: AbortSignal): Promise<void> {
  let registered: unknown;
  while (!signal.aborted) {
    const { definitions } = parts.resources;
    if (definitions !== registered) {
      try {
        await register(parts);
        registered = definitions;
      } catch (error) {
        parts.log.warn('the local APIServices could not be registered', { err: error });
      }
    }
    await sleep(parts.clock, lookEveryMs, signal);
  }
}

async function register(parts: ServerParts): Promise<void> {
  const drafts = localServices(parts.resources.definitions.filter(({ remote }) => remote !== true));
  const names = new Set(drafts.map(({ metadata }) => metadata.name));
  for (const draft of drafts) {
    await createUnlessThere(parts, apiServices, draft);
    await reportAvailability(parts, draft.metadata.name ?? '', local);
  }
  const { storage } = parts.resources.of(apiServices);
  const { items } = await storage.list({ namespace: '' });
  for (const { object } of items) {
    const { name, labels = {} } = object.metadata;
    if (labels[managedLabel] !== 'true' || names.has(name)) continue;
    try {
      await storage.guaranteedUpdate('', name, () => ({ kind: 'delete' }));
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }
}
