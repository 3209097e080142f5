/** What the door of this node knows: the other Pods come with the question, the rest is looked up here. */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import type { Informer } from '../../client/types.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { RuntimeFeatures } from '../cri/runtime.js';
import type { MachineFacts } from '../node/machine-facts.js';
import { nodeAllocatable } from '../node/node-resources.js';
import { admitPod } from './admit-pod.js';
import type { AdmissionDecision } from './admit-pod.js';

export interface AdmissionOptions {
  readonly node: Informer<Node>;
  readonly nodeName: string;
  readonly machine: MachineFacts;
  readonly features: RuntimeFeatures;
  readonly configuration: KubeletConfiguration;
  /** The conditions of pressure that hold now. */
  readonly pressures: () => readonly string[];
  readonly shuttingDown: () => boolean;
}

export type Admission = (pod: Pod, others: readonly Pod[]) => AdmissionDecision;

export function createAdmission(options: AdmissionOptions): Admission {
  const { node, nodeName, machine, features, configuration, pressures, shuttingDown } = options;
  const allocatable = nodeAllocatable({ machine, configuration });
  return (pod, others) =>
    admitPod({
      pod,
      others,
      node: node.get(nodeName),
      allocatable,
      pressures: pressures(),
      shuttingDown: shuttingDown(),
      appArmor: machine.appArmor,
      supplementalGroupsPolicy: features.supplementalGroupsPolicy,
      allowedUnsafeSysctls: configuration.allowedUnsafeSysctls,
    });
}
