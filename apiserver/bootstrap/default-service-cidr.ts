/**
 * The ServiceCIDR `kubernetes`: the range of Service addresses that the server was started with, as an object. It
 * cannot go while addresses of it are in use.
 */
import IPCIDR from 'ip-cidr';
import type { Condition } from '../../api/generated/meta-v1.js';
import type { ServiceCIDR } from '../../api/generated/networking-v1.js';
import { serviceCidrs } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { ServerParts } from '../handlers/context.js';
import { timestamp } from '../resources/object-meta.js';
import type { AddressClaims } from '../resources/service/address-claims.js';
import { createUnlessThere } from './system-objects.js';

export const defaultServiceCidrName = 'kubernetes';
export const serviceCidrFinalizer = 'networking.k8s.io/service-cidr-finalizer';
/** As often as Kubernetes looks. */
const intervalMs = 10_000;

export interface DefaultServiceCidrOptions {
  /** `--service-cluster-ip-range`. */
  readonly range: string;
  readonly addressClaims: AddressClaims;
}

/** Creates it, or does what is due. Idempotent; several servers may do it at once. */
export async function ensureDefaultServiceCidr(
  parts: ServerParts,
  { range, addressClaims }: DefaultServiceCidrOptions,
): Promise<void> {
  await createUnlessThere<ServiceCIDR>(parts, serviceCidrs, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: defaultServiceCidrName, finalizers: [serviceCidrFinalizer] },
    spec: { cidrs: [range] },
  });
  const addresses = (await addressClaims.list()).map(({ metadata }) => metadata.name);
  try {
    await parts.resources.of(serviceCidrs).storage.guaranteedUpdate('', defaultServiceCidrName, (current) => {
      const next = nextServiceCidr(current, { range, addresses, now: parts.clock.now() });
      if (next === undefined) return { kind: 'keep' };
      const isOver = next.metadata.deletionTimestamp !== undefined && next.metadata.finalizers?.length === 0;
      return isOver ? { kind: 'delete' } : { kind: 'write', object: next };
    });
  } catch (error) {
    // It is over between the two: the next round creates it.
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}

/** Ensures again every ten seconds until the signal aborts. Errors are logged; the next round tries again. */
export async function runDefaultServiceCidr(
  parts: ServerParts,
  options: DefaultServiceCidrOptions,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(parts.clock, intervalMs, signal);
    if (signal.aborted) return;
    try {
      await ensureDefaultServiceCidr(parts, options);
    } catch (error) {
      parts.log.warn('the default ServiceCIDR could not be brought up to date', { err: error });
    }
  }
}

export interface ServiceCidrFacts {
  readonly range: string;
  /** Of all Services. */
  readonly addresses: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * What it has to become; undefined when it is as it should be. One of another range, of servers with other flags, is
 * neither changed nor called ready: who deletes it gets one of this range, as soon as no address of it is in use.
 */
export function nextServiceCidr(
  current: ServiceCIDR,
  { range, addresses, now }: ServiceCidrFacts,
): ServiceCIDR | undefined {
  const { metadata, spec } = current;
  const { finalizers = [], deletionTimestamp } = metadata;
  const cidrs = spec.cidrs ?? [];
  if (deletionTimestamp === undefined) {
    const isReady = readyOf(current)?.status === 'True' || !cidrs.includes(range);
    const isProtected = finalizers.includes(serviceCidrFinalizer);
    if (isReady && isProtected) return undefined;
    const kept = isProtected ? finalizers : [...finalizers, serviceCidrFinalizer];
    const next = { ...current, metadata: { ...metadata, finalizers: kept } };
    return isReady ? next : withReady(next, 'True', '', 'Kubernetes default Service CIDR is ready', now);
  }
  const ranges = cidrs.map((cidr) => new IPCIDR(cidr));
  const isUsed = addresses.some((address) => ranges.some((one) => one.contains(address)));
  if (isUsed) {
    if (readyOf(current)?.status === 'False') return undefined;
    const message =
      'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
    return withReady(current, 'False', 'Terminating', message, now);
  }
  if (!finalizers.includes(serviceCidrFinalizer)) return undefined;
  return {
    ...current,
    metadata: { ...metadata, finalizers: finalizers.filter((one) => one !== serviceCidrFinalizer) },
  };
}

function readyOf({ status }: ServiceCIDR): Condition | undefined {
  return status.conditions?.find(({ type }) => type === 'Ready');
}

function withReady(
  cidr: ServiceCIDR,
  status: 'True' | 'False',
  reason: string,
  message: string,
  now: number,
): ServiceCIDR {
  const others = (cidr.status.conditions ?? []).filter(({ type }) => type !== 'Ready');
  const ready = { type: 'Ready', status, lastTransitionTime: timestamp(now), reason, message };
  return { ...cidr, status: { ...cidr.status, conditions: [...others, ready] } };
}
