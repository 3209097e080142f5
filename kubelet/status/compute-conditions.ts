/** The conditions of a Pod that the kubelet owns; those of others are left as they are. Pure. */
import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.js';
import { findCondition, isSidecar, withCondition } from '../../api/pod-helpers.js';
import { startupAdmittedCondition } from '../../api/startup-report.js';
import { resizeConditions, resizeConditionTypes } from '../resize/resize-state.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { StartupVerdict } from '../startup/gate.js';
import type { PodStatusInput } from './pod-status-input.js';

export function computeConditions(
  input: PodStatusInput,
  status: PodStatus,
  initialized: boolean,
  now: string,
): PodCondition[] {
  const { pod, runtime } = input;
  const over = status.phase === 'Succeeded' || status.phase === 'Failed';
  const sandbox = readySandbox(runtime);
  const containers = status.containerStatuses ?? [];
  const needed = [
    ...containers,
    ...(status.initContainerStatuses ?? []).filter((one) =>
      (pod.spec.initContainers ?? []).some(
        (container) => container.name === one.name && isSidecar(container),
      ),
    ),
  ];
  const unready = needed.filter((container) => !container.ready).map(({ name }) => name);
  const pendingInit = (status.initContainerStatuses ?? [])
    .filter((one) => !one.ready)
    .map(({ name }) => name);
  const containersReady: Verdict =
    status.phase === 'Succeeded'
      ? no('PodCompleted')
      : status.phase === 'Failed'
        ? no('PodFailed')
        : unready.length > 0
          ? no('ContainersNotReady', `containers with unready status: [${unready.join(' ')}]`)
          : yes;
  const verdicts: [string, Verdict][] = [
    ...(input.startup === undefined ? [] : [admission(input.startup)]),
    ['PodReadyToStartContainers', sandbox !== undefined && !over ? yes : no()],
    [
      'Initialized',
      initialized || status.phase === 'Succeeded'
        ? status.phase === 'Succeeded'
          ? { status: 'True', reason: 'PodCompleted' }
          : yes
        : no('ContainersNotInitialized', `containers with incomplete status: [${pendingInit.join(' ')}]`),
    ],
    ['Ready', withReadinessGates(pod, input.previous, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
  ];
  let conditions: readonly PodCondition[] = input.previous.conditions ?? [];
  for (const [type, verdict] of verdicts) {
    const generation = pod.metadata.generation;
    const condition: PodCondition = {
      type,
      ...verdict,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    const before = findCondition(conditions, type);
    // A reason of the past must not stay on.
    const bare =
      before === undefined ? conditions : conditions.map((one) => (one === before ? stripped(one) : one));
    conditions = withCondition(bare, condition, now);
  }
  const resizing = over ? [] : resizeConditions(input.resize);
  for (const condition of resizing) {
    const before = findCondition(conditions, condition.type);
    const bare = conditions.map((one) => (one === before ? stripped(one) : one));
    conditions = withCondition(bare, condition, now);
  }
  conditions = conditions.filter(
    ({ type }) => !resizeConditionTypes.includes(type) || findCondition(resizing, type) !== undefined,
  );
  if (input.failure?.isDisruption === true) {
    const { message, disruptionMessage = message } = input.failure;
    conditions = withCondition(conditions, disruptionOf(disruptionMessage, pod.metadata.generation), now);
  }
  // Those of others stay first, as with Kubernetes; the rest stands in the order of a pod's life.
  const types = [startupAdmittedCondition, ...verdicts.map(([type]) => type)];
  return [...conditions].sort((a, b) => types.indexOf(a.type) - types.indexOf(b.type));
}

function admission({ isAdmitted, reason, message }: StartupVerdict): [string, Verdict] {
  return [
    startupAdmittedCondition,
    { status: isAdmitted ? 'True' : 'False', reason, ...(message === '' ? {} : { message }) },
  ];
}

function disruptionOf(message: string, generation: number | undefined): PodCondition {
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'TerminationByKubelet',
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

const yes: Verdict = { status: 'True' };

function no(reason?: string, message?: string): Verdict {
  return {
    status: 'False',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function stripped({ type, status, lastTransitionTime }: PodCondition): PodCondition {
  return { type, status, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) };
}

function withReadinessGates(pod: Pod, previous: PodStatus, containersReady: Verdict): Verdict {
  if (containersReady.status === 'False') return containersReady;
  const texts = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = findCondition(previous.conditions, conditionType);
    if (condition?.status === 'True') return [];
    return condition === undefined
      ? [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  return texts.length === 0 ? yes : no('ReadinessGatesNotReady', texts.join(', '));
}
