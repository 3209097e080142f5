/** The apiserver process. */
import { networkInterfaces } from 'node:os';
import { runComponent } from '../common/component.js';
import type { ComponentContext } from '../common/component.js';
import {
  readBoolean,
  readDurationMs,
  readFlagFile,
  readPort,
  readWholeNumber,
} from '../common/read-flags.js';
import { declareFrontProxyFlags, readFrontProxyFlags } from './front-proxy-flags.js';
import type { FrontProxyFlags } from './front-proxy-flags.js';
import { startApiServer } from './server.js';
import { declareServiceAccountFlags, readServiceAccountFlags } from './service-account-flags.js';
import type { ServiceAccountFlags } from './service-account-flags.js';
import { openStore } from './storage/backends/registry.js';
import type { Store } from './storage/store.js';
import { declareStoreFlags, readStoreFlags } from './store-flags.js';
import type { StoreFlags } from './store-flags.js';

interface Flags extends FrontProxyFlags, ServiceAccountFlags, StoreFlags {
  bindAddress: string;
  securePort: string;
  advertiseAddress?: string;
  tlsCertFile: string;
  tlsPrivateKeyFile: string;
  clientCaFile?: string;
  serviceClusterIpRange: string;
  serviceNodePortRange: string;
  kubeletCertificateAuthority?: string;
  kubeletClientCertificate?: string;
  kubeletClientKey?: string;
  eventTtl: string;
  disableAdmissionPlugins: string;
  enablePriorityAndFairness: string | boolean;
  maxRequestsInflight: string;
  requestTimeout: string;
  minRequestTimeout: string;
  maxMutatingRequestsInflight: string;
}

await runComponent<Flags>({
  name: 'apiserver',
  description: 'Serves the Kubernetes API over a store.',
  flags: (command) =>
    declareFrontProxyFlags(declareServiceAccountFlags(declareStoreFlags(command)))
      .option('--bind-address <address>', 'address to listen on', '0.0.0.0')
      .option('--secure-port <port>', 'port of HTTPS', '6443')
      .option('--advertise-address <address>', 'address under which the cluster reaches this server')
      .requiredOption('--tls-cert-file <file>', 'certificate of this server, PEM')
      .requiredOption('--tls-private-key-file <file>', 'its key, PEM')
      .option('--client-ca-file <file>', 'CA of client certificates, PEM')
      .option('--service-cluster-ip-range <cidr>', 'addresses of Services', '10.96.0.0/12')
      .option('--service-node-port-range <range>', 'ports of NodePort Services', '30000-32767')
      .option('--kubelet-certificate-authority <file>', 'CA of the kubelets, PEM')
      .option('--kubelet-client-certificate <file>', 'client certificate for kubelets, PEM')
      .option('--kubelet-client-key <file>', 'its key, PEM')
      .option('--event-ttl <duration>', 'how long Events are kept', '1h')
      .option('--disable-admission-plugins <names>', 'plugins that are left out, comma-separated', '')
      .option(
        '--enable-priority-and-fairness [boolean]',
        'share the server out among priority levels and flows; false: plain limits',
        'true',
      )
      .option('--request-timeout <duration>', 'time of a request that is no watch, log or tunnel', '1m')
      .option('--min-request-timeout <seconds>', 'least time of a watch that does not say how long', '1800')
      .option('--max-requests-inflight <number>', 'reading requests at once, 0 for no limit', '400')
      .option('--max-mutating-requests-inflight <number>', 'writing requests at once, 0 for no limit', '200'),
  run,
});

async function run(flags: Flags, { log, signal, metrics }: ComponentContext): Promise<void> {
  let store: Store;
  try {
    store = await openStore(readStoreFlags(flags, log, signal));
  } catch (error) {
    // Told to stop while it waited for its store: that is no failure.
    if (signal.aborted) return;
    throw error;
  }
  try {
    const server = await startApiServer({
      host: flags.bindAddress,
      port: readPort('--secure-port', flags.securePort),
      advertiseAddress: flags.advertiseAddress ?? defaultAdvertiseAddress(flags.bindAddress),
      tls: {
        cert: readFlagFile('--tls-cert-file', flags.tlsCertFile),
        key: readFlagFile('--tls-private-key-file', flags.tlsPrivateKeyFile),
        ...optionalPem('clientCa', '--client-ca-file', flags.clientCaFile),
      },
      kubelet: {
        ...optionalPem('ca', '--kubelet-certificate-authority', flags.kubeletCertificateAuthority),
        ...optionalPem('cert', '--kubelet-client-certificate', flags.kubeletClientCertificate),
        ...optionalPem('key', '--kubelet-client-key', flags.kubeletClientKey),
      },
      ...readFrontProxyFlags(flags),
      store,
      serviceClusterIpRange: flags.serviceClusterIpRange,
      serviceNodePortRange: flags.serviceNodePortRange,
      eventTtlSeconds: Math.ceil(readDurationMs('--event-ttl', flags.eventTtl) / 1000),
      serviceAccountTokens: readServiceAccountFlags(flags),
      disabledAdmissionPlugins: flags.disableAdmissionPlugins.split(',').filter((name) => name !== ''),
      requestTimeoutMs: readDurationMs('--request-timeout', flags.requestTimeout),
      minRequestTimeoutMs: readWholeNumber('--min-request-timeout', flags.minRequestTimeout) * 1000,
      flowControl: {
        enabled: readBoolean('--enable-priority-and-fairness', flags.enablePriorityAndFairness),
        maxReadOnly: readWholeNumber('--max-requests-inflight', flags.maxRequestsInflight),
        maxMutating: readWholeNumber('--max-mutating-requests-inflight', flags.maxMutatingRequestsInflight),
      },
      log,
      metrics,
    });
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
      });
    }
    await server.stop();
  } finally {
    await store.close();
  }
}

function optionalPem<K extends string>(
  key: K,
  flag: string,
  file: string | undefined,
): Partial<Record<K, string>> {
  return file === undefined ? {} : ({ [key]: readFlagFile(flag, file) } as Record<K, string>);
}

/** A server that listens everywhere is reached under its first address that other machines know. */
function defaultAdvertiseAddress(bindAddress: string): string {
  if (bindAddress !== '0.0.0.0' && bindAddress !== '::') return bindAddress;
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find((address) => address.family === 'IPv4' && !address.internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}
