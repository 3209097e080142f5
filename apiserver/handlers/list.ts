/** LIST: a collection from one revision, whole or in chunks. */
import { StatusError } from '../../api/status-error.js';
import type { ObjectPage } from '../storage/resource-storage.js';
import { StoreError } from '../storage/store.js';
import type { StoredRecord } from '../storage/store.js';
import type { KubernetesObject } from '../../api/objects.js';
import { Pieces } from '../flow-control/turns.js';
import type { Handler, ResourceRequest } from './context.js';
import { encodeContinue, latestRevision } from './continue-token.js';
import { readListPlan } from './list-plan.js';
import type { ListPlan } from './list-plan.js';
import { waitForRevision } from './wait-for-revision.js';
import type { ListHead } from './stream-list.js';
import { respondList } from './represent.js';
import type { Selection } from './selection.js';
import { readSelection } from './selection.js';

/** With a selector, so many records are looked at for each one that is asked for. */
const lookAheadFactor = 4;

export const handleList: Handler = async (request) => {
  const selection = readSelection(request);
  const plan = readListPlan(request.exchange);
  const { records, head } = await collect(request, selection, plan);
  await respondList(request, records, head);
};

export interface Collected {
  readonly records: readonly StoredRecord[];
  readonly head: ListHead;
}

/** What a list shows. Throws Expired, Timeout. */
export async function collect(
  request: ResourceRequest,
  selection: Selection,
  plan: ListPlan,
): Promise<Collected> {
  const { served, path } = request;
  const prefix = served.storage.layout.prefix(path.namespace);
  const records: StoredRecord[] = [];
  let start = plan.start === undefined ? undefined : prefix + plan.start;
  let revision = plan.revision;
  const pieces = new Pieces(request.admission.turn);
  for (;;) {
    const wanted = plan.limit === undefined ? undefined : plan.limit - records.length;
    const limit = wanted !== undefined && selection.selective ? wanted * lookAheadFactor : wanted;
    const page = await readPage(request, selection, { start, limit, revision, plan });
    revision = page.revision;
    const last = page.records.at(-1);
    // All of it is shown: nobody looks at the records one by one.
    if (!selection.selective) {
      const next = page.remaining > 0 ? last : undefined;
      served.storage.countReturned(page, page.records.length);
      return { records: page.records, head: headOf(revision, next, page.remaining) };
    }
    for (const [index, record] of page.records.entries()) {
      if (pieces.due) await pieces.next();
      if (!selection.matches(served.storage.view(record))) continue;
      records.push(record);
      if (records.length !== plan.limit) continue;
      served.storage.countReturned(page, records.length);
      const left = page.records.length - index - 1 + page.remaining;
      return { records, head: headOf(revision, left > 0 ? record : undefined, undefined) };
    }
    if (page.remaining === 0 || last === undefined) {
      served.storage.countReturned(page, records.length);
      return { records, head: headOf(revision, undefined, undefined) };
    }
    start = `${last.key}\0`;
  }

  function headOf(at: number, last: StoredRecord | undefined, remaining: number | undefined): ListHead {
    if (last === undefined) return { resourceVersion: String(at) };
    const next = encodeContinue({ revision: at, start: `${last.key.slice(prefix.length)}\0` });
    return {
      resourceVersion: String(at),
      continue: next,
      ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
    };
  }
}

async function readPage(
  request: ResourceRequest,
  selection: Selection,
  options: {
    readonly start: string | undefined;
    readonly limit: number | undefined;
    readonly revision: number | undefined;
    readonly plan: ListPlan;
  },
): Promise<ObjectPage<KubernetesObject>> {
  const { start, limit, revision, plan } = options;
  if (revision === undefined && start === undefined) {
    const candidates = await readCandidates(request, selection, plan.notOlderThan);
    if (candidates !== undefined) return candidates;
  }
  if (plan.notOlderThan !== undefined && limit === undefined) return readCached(request, plan.notOlderThan);
  const { served, path, exchange } = request;
  try {
    const page = await served.storage.list(
      {
        namespace: path.namespace,
        ...(start === undefined ? {} : { startKey: start }),
        ...(limit === undefined ? {} : { limit }),
        ...(revision === undefined ? {} : { revision }),
      },
      exchange.signal,
    );
    if (plan.notOlderThan !== undefined && page.revision < plan.notOlderThan) {
      throw new StoreError('future-revision', `${plan.notOlderThan}, current: ${page.revision}`);
    }
    return page;
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'compacted')) throw error;
    if (plan.start !== undefined) throw expiredContinue(plan.start, error);
    throw new StatusError('Expired', 'The resourceVersion for the provided list is too old.', {
      cause: error,
    });
  }
}

/** What an index says about the selectors of a list of now, where it says something. */
async function readCandidates(
  request: ResourceRequest,
  { terms }: Selection,
  notOlderThan: number | undefined,
): Promise<ObjectPage<KubernetesObject> | undefined> {
  const { served, path, exchange } = request;
  const { namespace } = path;
  if (notOlderThan === undefined) return served.storage.listCandidates({ namespace }, terms, exchange.signal);
  return waitForRevision(request, notOlderThan, (signal) =>
    served.storage.listCandidates({ namespace, notOlderThan }, terms, signal),
  );
}

/** A list that may be a little old comes from the cache and costs the store nothing. */
async function readCached(
  request: ResourceRequest,
  notOlderThan: number,
): Promise<ObjectPage<KubernetesObject>> {
  const { served, path } = request;
  return waitForRevision(request, notOlderThan, (signal) =>
    served.storage.listCached(path.namespace, notOlderThan, signal),
  );
}

/** The rest can still be had, from the state as it is now: the client decides whether that is good enough. */
function expiredContinue(start: string, cause: StoreError): StatusError {
  return new StatusError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    { cause, continueToken: encodeContinue({ revision: latestRevision, start }) },
  );
}
