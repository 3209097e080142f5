/** The admission plugins in the order in which they run. A new one is a file and a line here. */
import type { Namespace } from '../../api/generated/core-v1.js';
import type { PriorityClass } from '../../api/generated/scheduling-v1.js';
import type { StorageClass } from '../../api/generated/storage-v1.js';
import { UsageError } from '../../common/usage-error.js';
import { AdmissionChain } from './admission.js';
import type { AdmissionPlugin } from './admission.js';
import type { AdmissionMetrics } from './admission-metrics.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { addDefaultStorageClass } from './default-storage-class.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { priority } from './priority.js';
import { serviceAccount } from './service-account.js';
import type { ServiceAccountDependencies } from './service-account.js';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.js';

export interface AdmissionDependencies extends ServiceAccountDependencies {
  readonly findNamespace: (name: string) => Promise<Namespace | undefined>;
  readonly findPriorityClass: (name: string) => Promise<PriorityClass | undefined>;
  readonly listPriorityClasses: () => Promise<readonly PriorityClass[]>;
  readonly listStorageClasses: () => Promise<readonly StorageClass[]>;
}

export function createAdmissionPlugins(dependencies: AdmissionDependencies): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(dependencies.findNamespace),
    serviceAccount(dependencies),
    defaultTolerationSeconds,
    priority(dependencies),
    addDefaultStorageClass(dependencies.listStorageClasses),
    storageObjectInUseProtection,
  ];
}

/** Throws UsageError when `disabled` names what is no plugin. */
export function createAdmissionChain(
  dependencies: AdmissionDependencies,
  metrics: AdmissionMetrics,
  disabled: readonly string[] = [],
): AdmissionChain {
  const plugins = createAdmissionPlugins(dependencies);
  for (const name of disabled) {
    if (!plugins.some((plugin) => plugin.name === name))
      throw new UsageError(`--disable-admission-plugins: there is no plugin ${name}`);
  }
  return new AdmissionChain(
    plugins.filter(({ name }) => !disabled.includes(name)),
    metrics,
  );
}
