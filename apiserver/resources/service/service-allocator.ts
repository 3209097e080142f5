/** Gives Services their cluster IPs and node ports, and takes them back. */
import type { Service } from '../../../api/generated/core-v1.js';
import { Violations } from '../../../api/field-path.js';
import { services } from '../../../api/resources.js';
import { invalid, StatusError } from '../../../api/status-error.js';
import type { Logger } from '../../../common/log.js';
import { subjectOf } from '../../storage/error-subject.js';
import type { Reservation, ReserveOptions } from '../strategy.js';
import type { AddressClaims, ServiceName } from './address-claims.js';
import type { ClusterIpRange, NodePortRange } from './address-ranges.js';
import { choosePorts } from './choose-ports.js';
import type { PortClaims } from './port-claims.js';
import { allocatedIp, allocatedPorts, isHeadless, needsClusterIp, needsNodePorts } from './service-kinds.js';

export interface ServiceAllocatorParts {
  readonly clusterIps: ClusterIpRange;
  readonly nodePorts: NodePortRange;
  readonly addressClaims: Pick<AddressClaims, 'isTaken' | 'take' | 'release'>;
  readonly portClaims: Pick<PortClaims, 'read' | 'change'>;
  readonly log: Logger;
}

export class ServiceAllocator {
  readonly #parts: ServiceAllocatorParts;

  constructor(parts: ServiceAllocatorParts) {
    this.#parts = parts;
  }

  /**
   * Takes what `service` asks for or needs, beyond what `before` holds, and writes it into `service`. What only
   * `before` holds is given back on commit. Throws Invalid for a value that is taken or out of range. A dry run
   * looks and takes nothing.
   */
  async reserve(
    service: Service,
    before: Service | undefined,
    { dryRun = false }: ReserveOptions = {},
  ): Promise<Reservation> {
    const violations = new Violations();
    const address = await this.#reserveIp(service, before, dryRun, violations);
    let ports: readonly number[] = [];
    try {
      ports = await this.#reservePorts(service, before, dryRun || violations.any, violations);
      if (violations.any) throw invalid(subjectOf(services), service.metadata.name, violations.causes);
    } catch (error) {
      await this.#giveBack(service, address, []);
      throw error;
    }
    return {
      release: () => this.#giveBack(service, address, dryRun ? [] : ports),
      commit: async () => {
        if (before !== undefined) await this.#releaseAllBut(service, before);
      },
    };
  }

  /** The Service is gone. */
  async released(service: Service): Promise<void> {
    await this.#giveBack(service, allocatedIp(service.spec), [...allocatedPorts(service.spec)]);
  }

  /** The address that was taken just now; undefined when none had to be. */
  async #reserveIp(
    service: Service,
    before: Service | undefined,
    dryRun: boolean,
    violations: Violations,
  ): Promise<string | undefined> {
    const { spec } = service;
    if (!needsClusterIp(spec)) return undefined;
    spec.ipFamilyPolicy ??= 'SingleStack';
    spec.ipFamilies ??= ['IPv4'];
    if (isHeadless(spec)) {
      spec.clusterIPs = ['None'];
      return undefined;
    }
    const wanted = allocatedIp(spec);
    let taken: string | undefined;
    if (wanted === undefined) {
      const address = await this.#takeNext(nameOf(service), dryRun);
      spec.clusterIP = address;
      if (!dryRun) taken = address;
    } else if (before === undefined || allocatedIp(before.spec) !== wanted)
      taken = await this.#takeWanted(service, wanted, dryRun, violations);
    if (spec.clusterIP !== undefined) spec.clusterIPs = [spec.clusterIP];
    return taken;
  }

  async #takeWanted(
    service: Service,
    wanted: string,
    dryRun: boolean,
    violations: Violations,
  ): Promise<string | undefined> {
    const { clusterIps, addressClaims } = this.#parts;
    const isIn = clusterIps.contains(wanted);
    const isFree = dryRun
      ? !addressClaims.isTaken(wanted)
      : isIn && (await addressClaims.take(wanted, nameOf(service)));
    if (isIn && isFree) return dryRun ? undefined : wanted;
    const reason = isIn
      ? 'provided IP is already allocated'
      : `the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${clusterIps.cidr}`;
    violations.invalid('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: ${reason}`);
    return undefined;
  }

  /** What this server has not heard of may be taken all the same: another one then. */
  async #takeNext(owner: ServiceName, dryRun: boolean): Promise<string> {
    const { clusterIps, addressClaims } = this.#parts;
    const refused = new Set<string>();
    for (;;) {
      const address = clusterIps.pick((one) => refused.has(one) || addressClaims.isTaken(one));
      if (address === undefined)
        throw new StatusError('InternalError', 'failed to allocate a serviceIP: range is full');
      if (dryRun || (await addressClaims.take(address, owner))) return address;
      refused.add(address);
    }
  }

  /** The ports that were taken just now. With `onlyLook` nothing is taken. */
  async #reservePorts(
    { spec }: Service,
    before: Service | undefined,
    onlyLook: boolean,
    violations: Violations,
  ): Promise<readonly number[]> {
    if (!needsNodePorts(spec)) return [];
    const { nodePorts, portClaims } = this.#parts;
    const held = before === undefined ? new Set<number>() : allocatedPorts(before.spec);
    const wanted = (spec.ports ?? []).map((port) => port.nodePort ?? 0);
    // An update that keeps its ports leaves the record alone.
    if (wanted.every((port) => held.has(port))) return [];
    const choose = (taken: Set<number>): ReturnType<typeof choosePorts> =>
      choosePorts(wanted, held, taken, nodePorts);
    const choice = onlyLook ? choose(await portClaims.read()) : await portClaims.change(choose);
    if (choice.kind === 'full')
      throw new StatusError('InternalError', 'failed to allocate a nodePort: range is full');
    if (choice.kind === 'refused') {
      for (const { index, reason } of choice.problems)
        violations.invalid(`spec.ports[${index}].nodePort`, wanted[index], reason);
      return [];
    }
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const chosen = choice.ports[index] ?? 0;
      if (chosen !== 0) port.nodePort = chosen;
    }
    return choice.added;
  }

  async #releaseAllBut(service: Service, before: Service): Promise<void> {
    const oldIp = allocatedIp(before.spec);
    const kept = needsNodePorts(service.spec) ? allocatedPorts(service.spec) : new Set<number>();
    const freed = [...allocatedPorts(before.spec)].filter((port) => !kept.has(port));
    await this.#giveBack(service, oldIp === allocatedIp(service.spec) ? undefined : oldIp, freed);
  }

  /** What cannot be given back now is found later by the repair: no reason for the request to fail. */
  async #giveBack(service: Service, address: string | undefined, ports: readonly number[]): Promise<void> {
    const { addressClaims, portClaims, log } = this.#parts;
    try {
      if (address !== undefined) await addressClaims.release(address, nameOf(service));
      if (ports.length > 0)
        await portClaims.change((taken) => {
          for (const port of ports) taken.delete(port);
        });
    } catch (error) {
      const { namespace, name } = nameOf(service);
      log.warn('what a Service had could not be given back; the repair will', {
        service: `${namespace}/${name}`,
        err: error,
      });
    }
  }
}

export function nameOf({ metadata }: Service): ServiceName {
  return { namespace: metadata.namespace, name: metadata.name };
}
