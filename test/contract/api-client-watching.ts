/** The part of the api client's contract that concerns watches. */
import { configMaps } from '../../api/resources.js';
import type { ConfigMap } from '../../api/generated/core-v1.js';
import type { WatchedEvent } from '../../client/types.js';
import { configMap } from './api-client-scenario.js';
import type { ApiClientUnderTest, ClientScenario } from './api-client-scenario.js';

type Events = AsyncIterator<WatchedEvent<ConfigMap>>;

export function apiClientWatchContract(scenario: ClientScenario): void {
  scenario('a watch brings every change after its version, in order', async (t, under) => {
    const resource = under.client.resource(configMaps);
    const { namespace } = under;
    const from = await resource.create(configMap(namespace, 'before'));
    const first = await resource.create(configMap(namespace, 'a', { labels: { watched: 'yes' } }));
    const watching = watch(under, { labelSelector: 'watched' }, from.metadata.resourceVersion);
    t.strictSame(await next(watching.events), ['ADDED', 'a']);
    await resource.update({ ...first, data: { key: 'two' } });
    t.strictSame(await next(watching.events), ['MODIFIED', 'a']);
    await resource.create(configMap(namespace, 'unseen'));
    await resource.delete({ namespace, name: 'a' });
    t.strictSame(await next(watching.events), ['DELETED', 'a']);
    await watching.stop();
  });

  scenario('a deletion carries the last state, and a version to go on from', async (t, under) => {
    const resource = under.client.resource(configMaps);
    const created = await resource.create(configMap(under.namespace, 'a'));
    const watching = watch(under, { fieldSelector: 'metadata.name=a' }, created.metadata.resourceVersion);
    await resource.delete(created.metadata);
    const event = await nextEvent(watching.events);
    t.equal(event?.type, 'DELETED');
    if (event?.type === 'DELETED') {
      t.equal(event.object.data?.['key'], 'one');
      t.ok(Number(event.object.metadata.resourceVersion) > Number(created.metadata.resourceVersion));
    }
    await watching.stop();
  });

  scenario('what comes to match a selector is added, what ceases to is deleted', async (t, under) => {
    const resource = under.client.resource(configMaps);
    const created = await resource.create(configMap(under.namespace, 'a'));
    const watching = watch(under, { labelSelector: 'in=view' }, created.metadata.resourceVersion);
    const at = created.metadata;
    await resource.patch(at, 'merge', { metadata: { labels: { in: 'view' } } });
    t.strictSame(await next(watching.events), ['ADDED', 'a']);
    await resource.patch(at, 'merge', { data: { key: 'two' } });
    t.strictSame(await next(watching.events), ['MODIFIED', 'a']);
    await resource.patch(at, 'merge', { metadata: { labels: { in: 'no' } } });
    t.strictSame(await next(watching.events), ['DELETED', 'a']);
    await watching.stop();
  });

  scenario('a watch ends without an error when its signal aborts', async (t, under) => {
    const { resourceVersion } = await under.client.resource(configMaps).list({ namespace: under.namespace });
    const watching = watch(under, {}, resourceVersion);
    const waiting = watching.events.next();
    await watching.stop();
    t.equal((await waiting).done, true);
  });

  scenario('a watch can be left early', async (t, under) => {
    const resource = under.client.resource(configMaps);
    const from = await resource.create(configMap(under.namespace, 'a'));
    await resource.create(configMap(under.namespace, 'b'));
    const abort = new AbortController();
    const options = { namespace: under.namespace, resourceVersion: from.metadata.resourceVersion };
    for await (const event of resource.watch({ ...options, signal: abort.signal })) {
      t.equal(event.type, 'ADDED');
      break;
    }
    t.equal((await resource.get({ namespace: under.namespace, name: 'b' })).metadata.name, 'b');
  });

  scenario('a watch that has run for its time ends by itself', async (t, under) => {
    const { resourceVersion } = await under.client.resource(configMaps).list({ namespace: under.namespace });
    const abort = new AbortController();
    let last = resourceVersion;
    for await (const event of under.client.resource(configMaps).watch({
      namespace: under.namespace,
      resourceVersion,
      timeoutSeconds: 1,
      allowBookmarks: true,
      signal: abort.signal,
    })) {
      if (event.type === 'BOOKMARK') last = event.resourceVersion;
    }
    t.ok(Number(last) >= Number(resourceVersion), 'a bookmark never goes back');
  });
}

function watch(
  { client, namespace }: ApiClientUnderTest,
  selection: { labelSelector?: string; fieldSelector?: string },
  resourceVersion: string,
): { events: Events; stop: () => Promise<void> } {
  const abort = new AbortController();
  const events = client
    .resource(configMaps)
    .watch({ namespace, resourceVersion, ...selection, signal: abort.signal })
    [Symbol.asyncIterator]();
  return {
    events,
    stop: async () => {
      abort.abort();
      await events.return?.();
    },
  };
}

async function nextEvent(events: Events): Promise<WatchedEvent<ConfigMap> | undefined> {
  const result = await events.next();
  return result.done === true ? undefined : result.value;
}

async function next(events: Events): Promise<[string, string]> {
  const event = await nextEvent(events);
  if (event === undefined || event.type === 'BOOKMARK') return [event?.type ?? 'end', ''];
  return [event.type, event.object.metadata.name];
}
