/** Writes kubeconfig files: for the admin, and one for each component. JSON is YAML, and needs no library. */
import type { CertificatePair } from '../../common/pki.js';

export interface KubeconfigSource {
  /** Name of cluster, user and context. */
  readonly name: string;
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** Certificate of the authority, PEM. */
  readonly authority: string;
  readonly client: CertificatePair;
}

export interface KubeconfigEntries {
  readonly cluster: { name: string; cluster: Record<string, string> };
  readonly user: { name: string; user: Record<string, string> };
  readonly context: { name: string; context: { cluster: string; user: string } };
}

export function kubeconfigEntries(source: KubeconfigSource): KubeconfigEntries {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return {
    cluster: {
      name: source.name,
      cluster: { 'certificate-authority-data': base64(source.authority), server: source.server },
    },
    user: {
      name: source.name,
      user: {
        'client-certificate-data': base64(source.client.certificate),
        'client-key-data': base64(source.client.privateKey),
      },
    },
    context: { name: source.name, context: { cluster: source.name, user: source.name } },
  };
}

/** A whole kubeconfig with one context, which is the current one. */
export function renderKubeconfig(source: KubeconfigSource): string {
  const { cluster, user, context } = kubeconfigEntries(source);
  return (
    JSON.stringify(
      {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [cluster],
        users: [user],
        contexts: [context],
        'current-context': context.name,
        preferences: {},
      },
      undefined,
      2,
    ) + '\n'
  );
}
