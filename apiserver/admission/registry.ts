/** The admission plugins in the order in which they run. A new one is a file and a line here. */
import type { Namespace } from '../../api/generated/core-v1.js';
import { AdmissionChain } from './admission.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { priority } from './priority.js';
import { serviceAccount } from './service-account.js';

export interface AdmissionDependencies {
  readonly findNamespace: (name: string) => Promise<Namespace | undefined>;
}

export function createAdmissionChain(dependencies: AdmissionDependencies): AdmissionChain {
  return new AdmissionChain([
    namespaceLifecycle(dependencies.findNamespace),
    serviceAccount,
    defaultTolerationSeconds,
    priority,
  ]);
}
