/** What keys of the configuration have to do with each other: defaults that depend on others, and contradictions. Pure. */
import { parseDurationMs } from '../../common/duration.js';
import type { KubeletConfiguration } from './kubelet-configuration.js';
import { resourceKeys } from './keys/resources.js';

type Json = Readonly<Record<string, unknown>>;

/** Fills in what is not set and follows from what is. */
export function dependentDefaults(json: Json): Json {
  const filled: Record<string, unknown> = { ...json };
  const { nodeStatusUpdateFrequency: frequency } = json;
  if (typeof frequency === 'string' && (parseDurationMs(frequency) ?? 0) > 0)
    filled['nodeStatusReportFrequency'] ??= frequency;
  if (Number(json['maxParallelImagePulls'] ?? 0) > 1) filled['serializeImagePulls'] ??= false;
  const { evictionHard } = json;
  if (json['mergeDefaultEvictionSettings'] === true && typeof evictionHard === 'object')
    filled['evictionHard'] = { ...(resourceKeys.evictionHard.byDefault as Json), ...evictionHard };
  return filled;
}

/** One line for each contradiction. */
export function checkTogether(configuration: KubeletConfiguration): string[] {
  const problems: string[] = [];
  const check = (isWrong: boolean, problem: string): void => {
    if (isWrong) problems.push(problem);
  };
  const {
    imageGCHighThresholdPercent: high,
    imageGCLowThresholdPercent: low,
    imageMinimumGCAgeMs,
    imageMaximumGCAgeMs,
    shutdownGracePeriodMs,
    shutdownGracePeriodCriticalPodsMs,
    shutdownGracePeriodByPodPriority,
    maxParallelImagePulls,
    enforceNodeAllocatable,
  } = configuration;
  check(
    low >= high,
    `imageGCLowThresholdPercent: ${String(low)} must be less than imageGCHighThresholdPercent, ${String(high)}`,
  );
  check(
    imageMaximumGCAgeMs > 0 && imageMaximumGCAgeMs <= imageMinimumGCAgeMs,
    'imageMaximumGCAge: must be longer than imageMinimumGCAge',
  );
  check(
    configuration.serializeImagePulls && (maxParallelImagePulls ?? 1) > 1,
    'maxParallelImagePulls: more than 1 needs serializeImagePulls: false',
  );
  check(
    shutdownGracePeriodCriticalPodsMs > shutdownGracePeriodMs,
    'shutdownGracePeriodCriticalPods: is a part of shutdownGracePeriod and cannot be longer',
  );
  for (const [name, ms] of [
    ['shutdownGracePeriod', shutdownGracePeriodMs],
    ['shutdownGracePeriodCriticalPods', shutdownGracePeriodCriticalPodsMs],
  ] as const)
    check(ms > 0 && ms < 1000, `${name}: must be 0 or at least 1s`);
  check(
    shutdownGracePeriodByPodPriority.length > 0 &&
      shutdownGracePeriodMs + shutdownGracePeriodCriticalPodsMs > 0,
    'shutdownGracePeriodByPodPriority: stands instead of shutdownGracePeriod, not beside it',
  );
  for (const signal of Object.keys(configuration.evictionSoft))
    check(
      configuration.evictionSoftGracePeriodMs[signal] === undefined,
      `evictionSoftGracePeriod[${signal}]: the soft threshold ${signal} needs a grace period`,
    );
  check(
    new Set(enforceNodeAllocatable).size < enforceNodeAllocatable.length,
    'enforceNodeAllocatable: names something twice',
  );
  check(
    enforceNodeAllocatable.includes('none') && enforceNodeAllocatable.length > 1,
    'enforceNodeAllocatable: none stands alone',
  );
  check(
    configuration.userNamespaces.idsPerPod % 65_536 !== 0,
    'userNamespaces.idsPerPod: must be a multiple of 65536',
  );
  const { initialLimit, maxLimit, backends } = configuration.startupIO;
  check(
    maxLimit > 0 && maxLimit < initialLimit,
    `startupIO.maxLimit: ${String(maxLimit)} is less than startupIO.initialLimit, ${String(initialLimit)}`,
  );
  for (const [index, { name }] of backends.entries())
    check(
      backends.findIndex((one) => one.name === name) < index,
      `startupIO.backends: two are called ${name}`,
    );
  const { tlsCertFile, tlsPrivateKeyFile } = configuration;
  check(
    (tlsCertFile === '') !== (tlsPrivateKeyFile === ''),
    'tlsCertFile and tlsPrivateKeyFile belong together: give both',
  );
  return problems;
}
