/** etcd by grpc-js and nothing else: what any client in Node.js can reach at best with one call a write. */
import { credentials } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { loadProto, serviceIn } from '../../proto/load.js';
import type { Swapper } from './swapper.js';

interface TxnResponse {
  readonly header: { readonly revision: string };
  readonly succeeded: boolean;
}

interface KvService {
  txn(request: unknown, done: (error: ServiceError | null, response: TxnResponse) => void): void;
  close(): void;
}

export function rawEtcd(endpoint: string): Swapper {
  const Service = serviceIn(loadProto('etcd/rpc.proto'), 'etcdserverpb.KV');
  const kv = new Service(new URL(endpoint).host, credentials.createInsecure()) as unknown as KvService;
  return {
    put: (key, value, modRevision) =>
      new Promise((resolve, reject) => {
        const keyBytes = Buffer.from(key);
        kv.txn(
          {
            compare: [{ result: 'EQUAL', target: 'MOD', key: keyBytes, modRevision }],
            success: [{ requestPut: { key: keyBytes, value } }],
            failure: [],
          },
          (error, response) => {
            if (error !== null) reject(error);
            else if (!response.succeeded) reject(new Error(`${key} was written by somebody else`));
            else resolve(Number(response.header.revision));
          },
        );
      }),
    close: async () => {
      kv.close();
    },
  };
}
