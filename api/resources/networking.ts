import type * as networking from '../generated/networking-v1.js';
import { define } from './define.js';

export const ingresses = define<networking.Ingress>('networking/v1', 'namespaced', 'Ingress', {
  plural: 'ingresses',
  shortNames: ['ing'],
  subresources: ['status'],
});
export const ingressClasses = define<networking.IngressClass>('networking/v1', 'cluster', 'IngressClass', {
  plural: 'ingressclasses',
});
export const networkPolicies = define<networking.NetworkPolicy>(
  'networking/v1',
  'namespaced',
  'NetworkPolicy',
  { plural: 'networkpolicies', shortNames: ['netpol'] },
);
export const ipAddresses = define<networking.IPAddress>('networking/v1', 'cluster', 'IPAddress', {
  plural: 'ipaddresses',
  shortNames: ['ip'],
});
export const serviceCidrs = define<networking.ServiceCIDR>('networking/v1', 'cluster', 'ServiceCIDR', {
  plural: 'servicecidrs',
  subresources: ['status'],
});
