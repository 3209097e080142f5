/** Gives Services their cluster IPs and node ports, and takes them back. */
import type { Service } from '../../../api/generated/core-v1.js';
import { Violations } from '../../../api/field-path.js';
import { services } from '../../../api/resources.js';
import { invalid, StatusError } from '../../../api/status-error.js';
import { subjectOf } from '../../storage/error-subject.js';
import type { Reservation } from '../strategy.js';
import type { ClusterIpRange, NodePortRange } from './address-ranges.js';
import { allocatedIp, allocatedPorts, isHeadless, needsClusterIp, needsNodePorts } from './service-kinds.js';

export interface ServiceRanges {
  readonly clusterIps: ClusterIpRange;
  readonly nodePorts: NodePortRange;
}

export class ServiceAllocator {
  readonly #ranges: ServiceRanges;

  constructor(ranges: ServiceRanges) {
    this.#ranges = ranges;
  }

  /** Marks what the Services in the store hold. Two that hold the same keep it: neither may break now. */
  restore(existing: readonly Service[]): void {
    for (const { spec } of existing) {
      const address = allocatedIp(spec);
      if (address !== undefined) this.#ranges.clusterIps.take(address);
      for (const port of allocatedPorts(spec)) this.#ranges.nodePorts.take(port);
    }
  }

  /**
   * Takes what `service` asks for or needs, beyond what `before` holds, and writes it into `service`. What only
   * `before` holds is given back on commit. Throws Invalid for a value that is taken or out of range.
   */
  reserve(service: Service, before: Service | undefined): Reservation {
    const takenIps: string[] = [];
    const takenPorts: number[] = [];
    const release = (): void => {
      for (const address of takenIps) this.#ranges.clusterIps.release(address);
      for (const port of takenPorts) this.#ranges.nodePorts.release(port);
    };
    const violations = new Violations();
    this.#reserveIp(service, before, takenIps, violations);
    this.#reservePorts(service, before, takenPorts, violations);
    if (violations.any) {
      release();
      throw invalid(subjectOf(services), service.metadata.name, violations.causes);
    }
    return {
      release,
      commit: () => {
        if (before !== undefined) this.#releaseAllBut(service, before);
      },
    };
  }

  /** The Service is gone. */
  released({ spec }: Service): void {
    const address = allocatedIp(spec);
    if (address !== undefined) this.#ranges.clusterIps.release(address);
    for (const port of allocatedPorts(spec)) this.#ranges.nodePorts.release(port);
  }

  #reserveIp(service: Service, before: Service | undefined, taken: string[], violations: Violations): void {
    const { spec } = service;
    if (!needsClusterIp(spec)) return;
    spec.ipFamilyPolicy ??= 'SingleStack';
    spec.ipFamilies ??= ['IPv4'];
    if (isHeadless(spec)) {
      spec.clusterIPs = ['None'];
      return;
    }
    const wanted = allocatedIp(spec);
    if (wanted === undefined) {
      const address = this.#ranges.clusterIps.takeNext();
      if (address === undefined)
        throw new StatusError('InternalError', 'failed to allocate a serviceIP: range is full');
      taken.push(address);
      spec.clusterIP = address;
    } else if (before === undefined || allocatedIp(before.spec) !== wanted) {
      if (!this.#ranges.clusterIps.contains(wanted))
        violations.invalid(
          'spec.clusterIPs',
          [wanted],
          `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${this.#ranges.clusterIps.cidr}`,
        );
      else if (this.#ranges.clusterIps.take(wanted)) taken.push(wanted);
      else
        violations.invalid(
          'spec.clusterIPs',
          [wanted],
          `failed to allocate IP ${wanted}: provided IP is already allocated`,
        );
    }
    if (spec.clusterIP !== undefined) spec.clusterIPs = [spec.clusterIP];
  }

  #reservePorts(
    { spec }: Service,
    before: Service | undefined,
    taken: number[],
    violations: Violations,
  ): void {
    if (!needsNodePorts(spec)) return;
    const held = before === undefined ? new Set<number>() : allocatedPorts(before.spec);
    // One number may serve TCP and UDP of the same Service.
    const own = new Set(held);
    const { nodePorts } = this.#ranges;
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const wanted = port.nodePort ?? 0;
      if (wanted === 0 || own.has(wanted)) continue;
      if (!nodePorts.contains(wanted))
        violations.invalid(
          `spec.ports[${index}].nodePort`,
          wanted,
          `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`,
        );
      else if (nodePorts.take(wanted)) {
        taken.push(wanted);
        own.add(wanted);
      } else
        violations.invalid(`spec.ports[${index}].nodePort`, wanted, 'provided port is already allocated');
    }
    if (violations.any) return;
    for (const port of spec.ports ?? []) {
      if ((port.nodePort ?? 0) !== 0) continue;
      const next = nodePorts.takeNext();
      if (next === undefined)
        throw new StatusError('InternalError', 'failed to allocate a nodePort: range is full');
      taken.push(next);
      port.nodePort = next;
    }
  }

  #releaseAllBut(service: Service, before: Service): void {
    const oldIp = allocatedIp(before.spec);
    if (oldIp !== undefined && oldIp !== allocatedIp(service.spec)) this.#ranges.clusterIps.release(oldIp);
    const kept = needsNodePorts(service.spec) ? allocatedPorts(service.spec) : new Set<number>();
    for (const port of allocatedPorts(before.spec)) if (!kept.has(port)) this.#ranges.nodePorts.release(port);
  }
}
