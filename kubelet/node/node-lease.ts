/** The heartbeat: a Lease in `kube-node-lease` that is renewed again and again. */
import type { Lease } from '../../api/generated/coordination-v1.js';
import { leases } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient, ResourceClient } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';

export const leaseNamespace = 'kube-node-lease';

export interface LeaseHolder {
  readonly name: string;
  readonly uid: () => string | undefined;
  readonly durationSeconds: number;
}

export class NodeLease {
  readonly #leases: ResourceClient<Lease>;
  readonly #clock: Clock;
  readonly #node: LeaseHolder;

  constructor(client: ApiClient, clock: Clock, node: LeaseHolder) {
    this.#leases = client.resource(leases);
    this.#clock = clock;
    this.#node = node;
  }

  /** Renews the lease, or makes it. Rejects with StatusError. */
  async renew(): Promise<void> {
    const { name, durationSeconds: leaseDurationSeconds } = this.#node;
    const renewTime = new Date(this.#clock.now()).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: name, leaseDurationSeconds, renewTime };
    try {
      await this.#leases.patch({ namespace: leaseNamespace, name }, 'merge', { spec });
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
      await this.#create(spec);
    }
  }

  async #create(spec: Lease['spec']): Promise<void> {
    const { name } = this.#node;
    const uid = this.#node.uid();
    const owner = uid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name, uid }];
    await this.#leases.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: leaseNamespace, ownerReferences: owner },
      spec,
    });
  }
}
