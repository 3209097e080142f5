/** The words with which an eviction is explained: those of Kubernetes, which people and tools search for. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';
import { quantityBytes, quantityFromBytes } from '../../api/quantity.js';
import type { PodUsage } from './pod-usage.js';
import { signalMeanings } from './signals.js';
import type { EvictionThreshold, Observations } from './signals.js';
import { thresholdAmount } from './threshold.js';

/** The Pod was chosen because the node is short of something. */
export function pressureMessage(
  pod: Pod,
  threshold: EvictionThreshold,
  observations: Observations,
  usage: PodUsage | undefined,
): string {
  const { resource } = signalMeanings[threshold.signal];
  const seen = observations[threshold.signal];
  const write = (amount: number): string =>
    resource === 'memory' || resource === 'ephemeral-storage' ? quantityFromBytes(amount) : String(amount);
  let message = `The node was low on resource: ${resource}. `;
  if (seen !== undefined) {
    const quantity = thresholdAmount(threshold.value, seen.capacity);
    message += `Threshold quantity: ${write(quantity)}, available: ${write(seen.available)}. `;
  }
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    const used = usage?.containers.get(container.name);
    if (used === undefined || (resource !== 'memory' && resource !== 'ephemeral-storage')) continue;
    const amount = resource === 'memory' ? used.memoryBytes : used.rootfs.bytes + used.logs.bytes;
    const request = container.resources?.requests?.[resource] ?? '0';
    if (amount > quantityBytes(request))
      message += `Container ${container.name} was using ${quantityFromBytes(amount)}, request is ${request}, has larger consumption of ${resource}. `;
  }
  return message;
}
