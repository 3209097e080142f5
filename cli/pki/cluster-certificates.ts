/**
 * The identities of a cluster: who may call the apiserver, and under which names the servers are reached.
 *
 * The names are Kubernetes' own; authorization rules and third-party tools know them.
 */
import type { CertificateRequest, PkiRequest } from '../../common/pki.js';

/** Name of the key pair that signs tokens of service accounts, in the pki folder. */
export const serviceAccountKey = 'sa';

export interface ClusterIdentity {
  readonly nodeName: string;
  readonly nodeIp: string;
  /** The first address of the Service range: `kubernetes.default` inside pods. */
  readonly kubernetesServiceIp: string;
  /** Further names and addresses under which this machine is known. */
  readonly hostnames?: readonly string[];
  readonly addresses?: readonly string[];
}

/** Clients of the apiserver: file name in the pki folder to identity. Each gets a kubeconfig of the same name. */
export function clientCertificates(nodeName: string): Readonly<Record<string, CertificateRequest>> {
  return {
    admin: { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'] },
    scheduler: { commonName: 'system:kube-scheduler', usages: ['client'] },
    'controller-manager': { commonName: 'system:kube-controller-manager', usages: ['client'] },
    kubelet: {
      commonName: `system:node:${nodeName}`,
      organizations: ['system:nodes'],
      usages: ['client'],
    },
    proxy: { commonName: 'system:kube-proxy', usages: ['client'] },
  };
}

/** Every certificate of a cluster of one node. Pure. */
export function clusterCertificates(identity: ClusterIdentity, now: number): PkiRequest {
  const dnsNames = unique(['localhost', identity.nodeName, ...(identity.hostnames ?? [])]);
  const ipAddresses = unique(['127.0.0.1', identity.nodeIp, ...(identity.addresses ?? [])]);
  const server = (commonName: string): CertificateRequest => ({
    commonName,
    usages: ['server'],
    dnsNames,
    ipAddresses,
  });
  return {
    authority: { commonName: 'knarr-ca' },
    now,
    certificates: {
      apiserver: {
        ...server('kube-apiserver'),
        dnsNames: unique([
          ...dnsNames,
          'kubernetes',
          'kubernetes.default',
          'kubernetes.default.svc',
          'kubernetes.default.svc.cluster.local',
        ]),
        ipAddresses: unique([...ipAddresses, identity.kubernetesServiceIp]),
      },
      'apiserver-kubelet-client': {
        commonName: 'kube-apiserver-kubelet-client',
        organizations: ['system:masters'],
        usages: ['client'],
      },
      'kubelet-server': {
        ...server(`system:node:${identity.nodeName}`),
        organizations: ['system:nodes'],
      },
      'scheduler-server': server('kube-scheduler'),
      'controller-manager-server': server('kube-controller-manager'),
      ...clientCertificates(identity.nodeName),
    },
  };
}

/** Authority of the certificate with which the apiserver tells the servers behind it who is asking, in the pki folder. */
export const frontProxyAuthority = 'front-proxy-ca';
export const frontProxyClient = 'front-proxy-client';

/** Its own authority: whoever it signs for may speak for everybody. Pure. */
export function frontProxyCertificates(now: number): PkiRequest {
  return {
    authority: { commonName: frontProxyAuthority },
    authorityName: frontProxyAuthority,
    now,
    certificates: { [frontProxyClient]: { commonName: frontProxyClient, usages: ['client'] } },
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
