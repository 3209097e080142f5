import type { Logger } from '../../../../common/log.js';
import { StoreError } from '../../store.js';
import type { Store } from '../../store.js';

export interface EtcdStoreOptions {
  readonly backend: 'etcd';
  /** Client URLs, `http://` or `https://`. */
  readonly endpoints: readonly string[];
  /** What stands for `/registry` in etcd's keys, as `--etcd-prefix` of the kube-apiserver. */
  readonly prefix?: string;
  /** PEM files. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
  readonly log: Logger;
}

export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  throw new StoreError('unavailable', `etcd at ${options.endpoints.join()} is not supported yet`);
}
