/**
 * Which servers serve this store: each keeps a record with a short life while it runs, at the place where Kubernetes
 * keeps it (/registry/masterleases/<address>), and a Lease in kube-system that people can see.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Lease } from '../../api/generated/coordination-v1.js';
import { leases } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { microTimestamp } from '../../client/timestamps.js';
import type { ServerParts } from '../handlers/context.js';
import type { ResourceStorage } from '../storage/resource-storage.js';
import type { Store } from '../storage/store.js';
import { createUnlessThere } from './system-objects.js';

const folder = '/registry/masterleases/';
/** A server that ended without a word is missed after this. */
const lifeSeconds = 15;
const leaseDurationSeconds = 3600;
const identityNamespace = 'kube-system';
const tokenKeysAnnotation = 'knarr.io/service-account-keys';
const identityLabel = 'apiserver.kubernetes.io/identity';

/** Where a server is reached. */
export interface ServerAddress {
  readonly ip: string;
  readonly port: number;
}

/** What a server tells of itself. */
export interface ServerRecord extends ServerAddress {
  /** IDs of the keys by which it believes service account tokens; absent when it does not say so. */
  readonly tokenKeys?: readonly string[];
}

export class ServerPresence {
  readonly #store: Store;
  readonly #parts: ServerParts;
  readonly #own: ServerRecord;
  readonly #hostName: string;
  readonly #holder: string;

  constructor(store: Store, parts: ServerParts, own: ServerRecord, hostName: string) {
    this.#store = store;
    this.#parts = parts;
    this.#own = own;
    this.#hostName = hostName;
    this.#holder = `${this.#leaseName}_${randomUUID()}`;
  }

  /** Says that this server is there. To be repeated within {@link lifeSeconds}. */
  async renew(): Promise<void> {
    await this.#writeRecord();
    await this.#renewLease();
  }

  /** All servers that said so lately, this one included, in a fixed order. */
  async list(): Promise<readonly ServerRecord[]> {
    const { records } = await this.#store.range({ prefix: folder });
    return records.flatMap((record) => readServers(record.value));
  }

  /** Removes the Leases of servers that have not been there for an hour. */
  async removeExpired(): Promise<void> {
    const { items } = await this.#leases.list({ namespace: identityNamespace });
    const nowMs = this.#parts.clock.now();
    for (const { object } of items) {
      const { labels = {}, name } = object.metadata;
      if (labels[identityLabel] === undefined || !isExpired(object, nowMs)) continue;
      await this.#deleteLease(name, (current) => isExpired(current, nowMs));
    }
  }

  /** Says that this server is gone. */
  async end(): Promise<void> {
    const { record } = await this.#store.get(this.#key);
    if (record !== undefined) await this.#store.delete(record.key, record.modRevision);
    await this.#deleteLease(this.#leaseName, ({ spec }) => spec.holderIdentity === this.#holder);
  }

  async #deleteLease(name: string, condition: (lease: Lease) => boolean): Promise<void> {
    try {
      await this.#leases.guaranteedUpdate(identityNamespace, name, (current) =>
        condition(current) ? { kind: 'delete' } : { kind: 'keep' },
      );
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }

  /** Servers may share an address on one machine, in a lab: the port tells them apart. */
  get #key(): string {
    return `${folder}${this.#own.ip}:${this.#own.port}`;
  }

  get #leaseName(): string {
    const hash = createHash('sha256').update(`${this.#hostName}:${this.#own.port}`).digest('hex');
    return `apiserver-${hash.slice(0, 26)}`;
  }

  get #leases(): ResourceStorage<Lease> {
    return this.#parts.resources.of(leases).storage;
  }

  async #writeRecord(): Promise<void> {
    const { ip, port, tokenKeys = [] } = this.#own;
    const value = Buffer.from(
      JSON.stringify({
        kind: 'Endpoints',
        apiVersion: 'v1',
        // Two renewals never have the same bytes: the store tells by them whose write was applied.
        metadata: {
          annotations: { 'knarr.io/renewed': randomUUID(), [tokenKeysAnnotation]: tokenKeys.join(',') },
        },
        subsets: [{ addresses: [{ ip }], ports: [{ port }] }],
      }),
    );
    const { record } = await this.#store.get(this.#key);
    const ttl = { ttlSeconds: lifeSeconds };
    // A lost race can only be one with ourselves, before a restart: the next renewal comes in time.
    if (record === undefined) await this.#store.create(this.#key, value, ttl);
    else await this.#store.update(this.#key, value, record.modRevision, ttl);
  }

  async #renewLease(): Promise<void> {
    const renewTime = microTimestamp(this.#parts.clock.now());
    const spec = { holderIdentity: this.#holder, leaseDurationSeconds, renewTime };
    const created = await createUnlessThere<Lease>(this.#parts, leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: this.#leaseName,
        namespace: identityNamespace,
        labels: { [identityLabel]: 'kube-apiserver', 'kubernetes.io/hostname': this.#hostName },
      },
      spec,
    });
    if (created) return;
    await this.#leases.guaranteedUpdate(identityNamespace, this.#leaseName, (current) => ({
      kind: 'write',
      object: { ...current, spec },
    }));
  }
}

function isExpired({ spec }: Lease, nowMs: number): boolean {
  const renewedMs = Date.parse(spec.renewTime ?? '');
  return renewedMs + (spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1000 < nowMs;
}

/** The servers that do not believe tokens signed by this key. One that does not tell of its keys is not judged. */
export function disbelieving(servers: readonly ServerRecord[], signingKey: string): readonly ServerRecord[] {
  return servers.filter(({ tokenKeys }) => tokenKeys?.includes(signingKey) === false);
}

/** The server of one record; none when it is in a form that nobody here wrote. */
export function readServers(value: Uint8Array): ServerRecord[] {
  interface Written {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
    readonly subsets?: readonly {
      readonly addresses?: readonly { readonly ip?: string }[];
      readonly ports?: readonly { readonly port?: number }[];
    }[];
  }
  let written: Written;
  try {
    written = JSON.parse(Buffer.from(value).toString()) as Written;
  } catch (error) {
    // A kube-apiserver on the same store writes protobuf.
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  const [subset] = written.subsets ?? [];
  const ip = subset?.addresses?.[0]?.ip;
  const port = subset?.ports?.[0]?.port;
  if (ip === undefined || port === undefined) return [];
  const keys = written.metadata?.annotations?.[tokenKeysAnnotation]?.split(',').filter((id) => id !== '');
  return [{ ip, port, ...(keys === undefined || keys.length === 0 ? {} : { tokenKeys: keys }) }];
}
