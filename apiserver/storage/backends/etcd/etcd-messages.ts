/** The messages of proto/etcd as proto/load.ts decodes them: 64-bit integers are decimal strings, all fields set. */

export interface KeyValue {
  readonly key: Buffer;
  readonly createRevision: string;
  readonly modRevision: string;
  /** How often the key was written since it was created. */
  readonly version: string;
  readonly value: Buffer;
  /** '0' for a record that does not expire. */
  readonly lease: string;
}

export interface Header {
  readonly revision: string;
}

export interface RangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly limit?: number;
  readonly revision?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  /** All keys of the range, those beyond the limit included. */
  readonly count: string;
}

export type Compare = { readonly result: 'EQUAL'; readonly key: Uint8Array } & (
  | { readonly target: 'MOD'; readonly modRevision: number }
  | { readonly target: 'VERSION'; readonly version: number }
);

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export type RequestOp =
  | { readonly requestRange: RangeRequest }
  | { readonly requestPut: { readonly key: Uint8Array; readonly value: Uint8Array; readonly lease?: string } }
  | { readonly requestDeleteRange: { readonly key: Uint8Array; readonly prevKv: boolean } };

export interface TxnResponse {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly responses: readonly {
    readonly responseRange?: RangeResponse;
    readonly responseDeleteRange?: { readonly prevKvs: readonly KeyValue[] };
  }[];
}

export type WatchRequest =
  | {
      readonly createRequest: {
        readonly key: Uint8Array;
        readonly rangeEnd: Uint8Array;
        readonly startRevision: number;
        readonly progressNotify: boolean;
        readonly prevKv: boolean;
        readonly fragment: boolean;
      };
    }
  | { readonly progressRequest: Record<string, never> };

export interface WatchEvent {
  readonly type: 'PUT' | 'DELETE';
  readonly kv: KeyValue;
  readonly prevKv: KeyValue | null;
}

export interface WatchResponse {
  readonly header: Header;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: string;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

export interface LeaseGrantResponse {
  readonly ID: string;
  readonly error: string;
}

export interface LeaseTimeToLiveResponse {
  /** Seconds; '-1' when the lease is gone. */
  readonly TTL: string;
}

export interface AuthenticateResponse {
  readonly token: string;
}

export interface StatusResponse {
  readonly header: Header;
  readonly version: string;
  readonly dbSize: string;
  /** '0' when the member knows of no leader. */
  readonly leader: string;
  readonly errors: readonly string[];
}
