/** Services and EndpointSlices with only what a test of the proxy is about. */
import type { Service, ServiceSpec } from '../../api/generated/core-v1.js';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.js';

export function serviceObject(name: string, spec: Partial<ServiceSpec>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    status: {},
  } as unknown as Service;
}

export function sliceObject(
  service: string,
  endpoints: readonly (string | Endpoint)[],
  ports: EndpointSlice['ports'] = [{ port: 8080, protocol: 'TCP' }],
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: endpoints.map((endpoint) =>
      typeof endpoint === 'string'
        ? { addresses: [endpoint], nodeName: 'here', conditions: { ready: true } }
        : endpoint,
    ),
    ports,
  } as unknown as EndpointSlice;
}
