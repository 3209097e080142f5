/** Where the API server behind an APIService is, and how it is spoken to. */
import type { RequestOptions } from 'node:https';
import type { APIService } from '../../api/generated/apiregistration-v1.js';
import { endpointSlices, services } from '../../api/resources.js';
import type { UserInfo } from '../filters/user-info.js';
import type { ResourceTable } from '../handlers/context.js';

/** What this server proves itself with to the servers behind it. PEM. */
export interface ProxyCertificate {
  readonly cert: string;
  readonly key: string;
}

export type Backend =
  | { readonly kind: 'found'; readonly options: RequestOptions }
  /** Reason and message of the condition. */
  | { readonly kind: 'absent'; readonly reason: string; readonly message: string };

/** Looks the service up: its cluster IP, or the name of an external one. An empty service counts as absent. */
export async function locateBackend(
  { spec }: APIService,
  resources: ResourceTable,
  certificate: ProxyCertificate | undefined,
): Promise<Backend> {
  const { namespace = '', name = '', port = 443 } = spec.service ?? {};
  const found = await resources.of(services).storage.find(namespace, name);
  const label = `service/${name} in ${JSON.stringify(namespace)}`;
  if (found === undefined) return absent('ServiceNotFound', `${label} is not present`);
  const service = found.object.spec;
  const isExternal = service.type === 'ExternalName';
  if (!isExternal) {
    if (service.ports?.some((one) => one.port === port) !== true)
      return absent('ServicePortError', `${label} is not listening on port ${port}`);
    if (!(await hasReadyEndpoint(resources, namespace, name)))
      return absent('MissingEndpoints', `endpoints for ${label} have no addresses with port name ""`);
  }
  const { caBundle = '', insecureSkipTLSVerify = false } = spec;
  return {
    kind: 'found',
    options: {
      host: isExternal ? (service.externalName ?? '') : (service.clusterIP ?? ''),
      port,
      servername: `${name}.${namespace}.svc`,
      rejectUnauthorized: !insecureSkipTLSVerify,
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
      ...certificate,
    },
  };
}

function absent(reason: string, message: string): Backend {
  return { kind: 'absent', reason, message };
}

async function hasReadyEndpoint(resources: ResourceTable, namespace: string, name: string): Promise<boolean> {
  const { items } = await resources.of(endpointSlices).storage.list({ namespace });
  return items.some(
    ({ object }) =>
      object.metadata.labels?.['kubernetes.io/service-name'] === name &&
      object.endpoints.some(
        ({ addresses, conditions }) => addresses.length > 0 && conditions?.ready !== false,
      ),
  );
}

/** Who asks, in the headers that servers behind a front proxy read. */
export function userHeaders({ name, uid, groups, extra = {} }: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'x-remote-user': name,
    'x-remote-group': [...groups],
    ...(uid === undefined ? {} : { 'x-remote-uid': uid }),
  };
  for (const [key, values] of Object.entries(extra))
    headers[`x-remote-extra-${encodeURIComponent(key.toLowerCase())}`] = [...values];
  return headers;
}
