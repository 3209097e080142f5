import { step } from '../step.js';
import type { Chapter, Step } from '../step.js';

const budgetStatus = (disruptionsAllowed: number): string =>
  `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
status: {observedGeneration: 1, disruptionsAllowed: ${disruptionsAllowed}, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2}
`;

/** The numbers of a budget are its controller's; who may can write them as well. */
const guarded = [
  step('budget', 'create -f budget.yaml'),
  step('budget-closed', 'replace --subresource=status -f -', { stdin: budgetStatus(0) }),
  step('drain-guarded', 'drain node-1 --pod-selector=app=web --timeout=1s', { exit: 1 }),
  step('budget-open', 'replace --subresource=status -f -', { stdin: budgetStatus(2) }),
  step('drain-allowed', 'drain node-1 --pod-selector=app=web --timeout=30s --grace-period=1'),
  step('budget-used', 'get poddisruptionbudget web'),
  step('budget-removed', 'delete -f budget.yaml'),
].map((one): Step => ({ ...one, only: ['v1.35'] }));

/** The node: taints, cordon, drain, and what is known of it. */
export const nodes: Chapter = {
  name: 'nodes',
  steps: [
    step('get', 'get nodes'),
    step('get-wide', 'get nodes -o wide'),
    step('describe', 'describe node node-1', {
      keep: /^\w|^ {2}(Type|----|Ready|\w+Pressure|InternalIP|Hostname|Namespace)/,
    }),
    step('label', 'label node node-1 disk=fast node-role.kubernetes.io/worker='),
    step('roles', 'get nodes -L disk'),
    step('taint', 'taint node node-1 dedicated=web:NoSchedule'),
    step('taint-again', 'taint node node-1 dedicated=other:NoSchedule', { exit: 1 }),
    step('taint-overwrite', 'taint node node-1 dedicated=other:NoSchedule --overwrite'),
    step('taint-wrong', 'taint node node-1 dedicated=other:Sometimes', { exit: 1 }),
    step('pending', 'run waiting --image=localhost/knarr/web:1'),
    step('pending-why', 'describe pod waiting', {
      keep: /^ {2}(?:Type .*Age|---- .*---|.*FailedScheduling)/,
      eventually: /FailedScheduling/,
    }),
    step('untaint', 'taint node node-1 dedicated-'),
    step('untaint-missing', 'taint node node-1 dedicated:NoSchedule-', { exit: 1 }),
    step('placed', 'wait --for=condition=Ready pod/waiting --timeout=20s'),
    step('cordon', 'cordon node-1'),
    step('cordon-again', 'cordon node-1'),
    step('cordoned', 'get nodes'),
    step('uncordon', 'uncordon node-1'),
    step('apply', 'apply -f web.yaml'),
    step('apply-status', 'rollout status deployment/web --timeout=20s', { keep: /success/ }),
    step('drain-refused', 'drain node-1 --pod-selector=run=waiting', { exit: 1 }),
    step('drain-dry-run', 'drain node-1 --force --pod-selector=run=waiting --dry-run=server'),
    step('drain', 'drain node-1 --force --pod-selector=run=waiting --timeout=20s --grace-period=1'),
    step('drained', 'get pods', { sorted: true }),
    ...guarded,
    step('uncordon-again', 'uncordon node-1'),
    step('top-nodes', 'top nodes', { exit: 1 }),
    step('top-pods', 'top pods', { exit: 1 }),
    step('lease', 'get lease -n kube-node-lease'),
    step('unlabel', 'label node node-1 disk- node-role.kubernetes.io/worker-'),
  ],
};
