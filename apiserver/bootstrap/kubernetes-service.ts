/** Keeps the Service `default/kubernetes` and its endpoints leading to the servers that are there. */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoints, Service } from '../../api/generated/core-v1.js';
import type { EndpointSlice } from '../../api/generated/discovery-v1.js';
import type { Draft, KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { endpoints, endpointSlices, services } from '../../api/resources.js';
import { sleep } from '../../common/clock.js';
import type { ServerParts } from '../handlers/context.js';
import { omit } from '../omit.js';
import { disbelieving } from './server-presence.js';
import type { ServerAddress, ServerPresence } from './server-presence.js';
import { createUnlessThere } from './system-objects.js';

export interface KubernetesServiceOptions {
  readonly clusterIp: string;
  /** Of this server: what the Service leads to on the first one. */
  readonly port: number;
  readonly presence: ServerPresence;
  /** ID of the key by which this server signs service account tokens. */
  readonly signingKey: string;
}

const namespace = 'default';
const name = 'kubernetes';
/** Kubernetes' own interval: two thirds of the life of a server's record. */
const intervalMs = 10_000;
const retryMs = 1_000;
const roundsInAnHour = 360;
const disbelieved =
  'another server of this store refuses the service account tokens that this one signs: start all with the same ' +
  '--service-account-signing-key-file, or name its public key in --service-account-key-file of the other';

/**
 * Says every ten seconds that this server is there, and brings the endpoints up to date with who else is, until the
 * signal aborts; then says that it is gone. Errors are logged; the next round tries again.
 */
export async function runKubernetesService(
  parts: ServerParts,
  options: KubernetesServiceOptions,
  signal: AbortSignal,
): Promise<void> {
  const { presence, signingKey } = options;
  const warned = new Set<string>();
  for (let round = 0; !signal.aborted; round++) {
    let waitMs = intervalMs;
    try {
      await presence.renew();
      if (round % roundsInAnHour === 0) await presence.removeExpired();
      await createUnlessThere(parts, services, serviceOf(options));
      await reconcile(parts, presence);
      for (const { ip, port } of disbelieving(await presence.list(), signingKey)) {
        const server = `${ip}:${port}`;
        if (!warned.has(server)) parts.log.warn(disbelieved, { server });
        warned.add(server);
      }
    } catch (error) {
      parts.log.warn('the kubernetes Service could not be brought up to date', { err: error });
      waitMs = retryMs;
    }
    await sleep(parts.clock, waitMs, signal);
  }
  try {
    await presence.end();
    await reconcile(parts, presence);
  } catch (error) {
    parts.log.warn('this server could not say that it ends; it is missed after a moment', { err: error });
  }
}

/** Without any server the endpoints stay: a client that tries them learns more than one that finds none. */
async function reconcile(parts: ServerParts, presence: ServerPresence): Promise<void> {
  const servers = await presence.list();
  if (servers.length === 0) return;
  await ensure(parts, endpoints, endpointsOf(servers));
  const slices = slicesOf(servers);
  for (const slice of slices) await ensure(parts, endpointSlices, slice);
  await removeOldSlices(parts, new Set(slices.map(({ metadata }) => metadata.name)));
}

async function removeOldSlices(parts: ServerParts, wanted: ReadonlySet<string | undefined>): Promise<void> {
  const { storage } = parts.resources.of(endpointSlices);
  const { items } = await storage.list({ namespace });
  for (const { object } of items) {
    const { metadata } = object;
    if (!metadata.name.startsWith(`${name}-`) || metadata.labels?.[managedByLabel] !== managedBy) continue;
    if (!wanted.has(metadata.name))
      await storage.guaranteedUpdate(namespace, metadata.name, () => ({ kind: 'delete' }));
  }
}

/** Creates the object, or brings everything but its metadata to what it has to be. */
async function ensure<T extends KubernetesObject>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  draft: Draft<T>,
): Promise<void> {
  if (await createUnlessThere(parts, definition, draft)) return;
  const content = omit(draft as KubernetesObject, 'metadata');
  await parts.resources
    .of(definition)
    .storage.guaranteedUpdate(namespace, draft.metadata.name ?? name, (current) => {
      const { metadata, ...before } = current as T & KubernetesObject;
      return isDeepStrictEqual({ ...before }, { ...content })
        ? { kind: 'keep' }
        : { kind: 'write', object: { ...content, metadata } as T };
    });
}

const labels = { component: 'apiserver', provider: 'kubernetes' };
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const managedBy = 'apiserver.knarr.io';

function serviceOf({ clusterIp, port }: KubernetesServiceOptions): Draft<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterIp,
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
    },
  };
}

/** Servers by port, in order: all have the same one but in a lab, where several share a machine. */
function byPort(servers: readonly ServerAddress[]): readonly [number, readonly string[]][] {
  const ports = [...new Set(servers.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.map((port) => [
    port,
    [...new Set(servers.filter((one) => one.port === port).map(({ ip }) => ip))].sort(),
  ]);
}

export function endpointsOf(servers: readonly ServerAddress[]): Draft<Endpoints> {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    // The EndpointSlices are written here as well: nobody needs to mirror this object.
    metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: byPort(servers).map(([port, ips]) => ({
      addresses: ips.map((ip) => ({ ip })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    })),
  };
}

/** A slice has one set of ports: that of the lowest one has the name that Kubernetes gives it. */
export function slicesOf(servers: readonly ServerAddress[]): readonly Draft<EndpointSlice>[] {
  return byPort(servers).map(([port, ips], index) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: index === 0 ? name : `${name}-${port}`,
      namespace,
      labels:
        index === 0
          ? { 'kubernetes.io/service-name': name }
          : { 'kubernetes.io/service-name': name, [managedByLabel]: managedBy },
    },
    addressType: 'IPv4',
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }));
}
