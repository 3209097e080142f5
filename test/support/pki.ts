/** Certificates and kubeconfigs for tests that start a component by itself. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clientCertificates, clusterCertificates } from '../../cli/pki/cluster-certificates.js';
import { renderKubeconfig } from '../../cli/kubeconfig/render-kubeconfig.js';
import { certificateFile, ensurePki, keyFile } from '../../common/pki.js';
import type { CertificatePair, Pki } from '../../common/pki.js';

export interface TestPki {
  readonly folder: string;
  readonly pki: Pki;
  /** Certificate of the authority, PEM, and its file. */
  readonly authority: string;
  readonly authorityFile: string;
  /** `apiserver`, `kubelet-server`, `apiserver-kubelet-client`, `admin`, `scheduler`, … */
  pair(name: string): CertificatePair;
  certificateFile(name: string): string;
  keyFile(name: string): string;
  /** Writes a kubeconfig of a client (`admin`, `scheduler`, …) for this server and returns its path. */
  kubeconfig(client: string, server: string): Promise<string>;
}

/** A complete set of certificates for a cluster on this machine, valid for 127.0.0.1 and localhost. */
export async function testPki(folder: string, nodeName = 'node-1', nodeIp = '127.0.0.1'): Promise<TestPki> {
  const pki = await ensurePki(
    folder,
    clusterCertificates({ nodeName, nodeIp, kubernetesServiceIp: '10.96.0.1' }, Date.now()),
  );
  const pair = (name: string): CertificatePair => {
    const found = pki.pairs[name];
    if (found === undefined) throw new Error(`no certificate is named ${name}`);
    return found;
  };
  return {
    folder,
    pki,
    authority: pki.authority,
    authorityFile: certificateFile(folder, 'ca'),
    pair,
    certificateFile: (name) => certificateFile(folder, name),
    keyFile: (name) => keyFile(folder, name),
    kubeconfig: async (client, server) => {
      if (!Object.hasOwn(clientCertificates(nodeName), client)) throw new Error(`${client} is no client`);
      await mkdir(folder, { recursive: true });
      const file = join(folder, `${client}.kubeconfig`);
      await writeFile(
        file,
        renderKubeconfig({ name: 'knarr', server, authority: pki.authority, client: pair(client) }),
        { mode: 0o600 },
      );
      return file;
    },
  };
}
