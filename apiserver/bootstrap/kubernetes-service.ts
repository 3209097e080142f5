/** Keeps the Service `default/kubernetes` and its endpoints leading to this server. */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoints, Service } from '../../api/generated/core-v1.js';
import type { EndpointSlice } from '../../api/generated/discovery-v1.js';
import type { Draft, KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { endpoints, endpointSlices, services } from '../../api/resources.js';
import { sleep } from '../../common/clock.js';
import type { ServerParts } from '../handlers/context.js';
import { omit } from '../omit.js';
import { createUnlessThere } from './system-objects.js';

export interface KubernetesServiceOptions {
  readonly clusterIp: string;
  readonly advertiseAddress: string;
  readonly port: number;
}

const namespace = 'default';
const name = 'kubernetes';
const intervalMs = 60_000;

/** Reconciles now and then every minute until the signal aborts. Errors are logged; the next round tries again. */
export async function runKubernetesService(
  parts: ServerParts,
  options: KubernetesServiceOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await reconcile(parts, options);
    } catch (error) {
      parts.log.warn('the kubernetes Service could not be brought up to date', { err: error });
    }
    await sleep(parts.clock, intervalMs, signal);
  }
}

async function reconcile(parts: ServerParts, options: KubernetesServiceOptions): Promise<void> {
  await createUnlessThere(parts, services, serviceOf(options));
  await ensure(parts, endpoints, endpointsOf(options));
  await ensure(parts, endpointSlices, sliceOf(options));
}

/** Creates the object, or brings everything but its metadata to what it has to be. */
async function ensure<T extends KubernetesObject>(
  parts: ServerParts,
  definition: ResourceDefinition<T>,
  draft: Draft<T>,
): Promise<void> {
  if (await createUnlessThere(parts, definition, draft)) return;
  const content = omit(draft as KubernetesObject, 'metadata');
  await parts.resources.of(definition).storage.guaranteedUpdate(namespace, name, (current) => {
    const { metadata, ...before } = current as T & KubernetesObject;
    return isDeepStrictEqual({ ...before }, { ...content })
      ? { kind: 'keep' }
      : { kind: 'write', object: { ...content, metadata } as T };
  });
}

const labels = { component: 'apiserver', provider: 'kubernetes' };

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

function endpointsOf({ advertiseAddress, port }: KubernetesServiceOptions): Draft<Endpoints> {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    // The EndpointSlice is written here as well: nobody needs to mirror this object.
    metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: advertiseAddress }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  };
}

function sliceOf({ advertiseAddress, port }: KubernetesServiceOptions): Draft<EndpointSlice> {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}
