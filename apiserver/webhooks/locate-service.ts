/** Where a Service that this server calls is reached: an API server behind this one, or a webhook. */
import { endpointSlices, services } from '../../api/resources.js';
import type { ResourceTable } from '../handlers/context.js';

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  /** 443 unless told. */
  readonly port?: number;
}

export type ServiceLocation =
  | {
      readonly kind: 'found';
      readonly host: string;
      readonly port: number;
      /** What its certificate must be for. */
      readonly serverName: string;
    }
  /** `reason` as in the conditions of APIServices. */
  | { readonly kind: 'absent'; readonly reason: string; readonly message: string };

const httpsPort = 443;

/** Looks the service up: its cluster IP, or the name of an external one. A service without ready endpoints counts as absent. */
export async function locateService(
  { namespace, name, port = httpsPort }: ServiceReference,
  resources: ResourceTable,
): Promise<ServiceLocation> {
  const found = await resources.of(services).storage.find(namespace, name);
  const label = `service/${name} in ${JSON.stringify(namespace)}`;
  if (found === undefined) return absent('ServiceNotFound', `${label} is not present`);
  const { type, ports, clusterIP = '', externalName = '' } = found.object.spec;
  const serverName = `${name}.${namespace}.svc`;
  if (type === 'ExternalName') return { kind: 'found', host: externalName, port, serverName };
  if (ports?.some((one) => one.port === port) !== true)
    return absent('ServicePortError', `${label} is not listening on port ${port}`);
  if (!(await hasReadyEndpoint(resources, namespace, name)))
    return absent('MissingEndpoints', `endpoints for ${label} have no addresses with port name ""`);
  return { kind: 'found', host: clusterIP, port, serverName };
}

function absent(reason: string, message: string): ServiceLocation {
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
