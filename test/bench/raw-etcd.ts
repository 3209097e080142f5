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
  range(
    request: { readonly key: Buffer; readonly rangeEnd: Buffer },
    done: (error: ServiceError | null, response?: { readonly kvs: readonly unknown[] }) => void,
  ): void;
  close(): void;
}

export interface RawEtcd extends Swapper {
  /** Reads all of a range in one answer; resolves with the number of its records. */
  range(from: string, to: string): Promise<number>;
}

export function rawEtcd(endpoint: string): RawEtcd {
  const Service = serviceIn(loadProto('etcd/rpc.proto'), 'etcdserverpb.KV');
  const options = { 'grpc.max_receive_message_length': -1 };
  const kv = new Service(
    new URL(endpoint).host,
    credentials.createInsecure(),
    options,
  ) as unknown as KvService;
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
    range: (from, to) =>
      new Promise((resolve, reject) => {
        kv.range({ key: Buffer.from(from), rangeEnd: Buffer.from(to) }, (error, response) => {
          if (error === null) resolve(response?.kvs.length ?? 0);
          else reject(error);
        });
      }),
    close: async () => {
      kv.close();
    },
  };
}
