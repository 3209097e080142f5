import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../../api/generated/policy-v1.js';
import { isStatusError } from '../../../api/status-error.js';
import { evictionRuleOf, takeDisruption } from '../../../apiserver/subresources/disruption-budget.js';

function pod(ready: boolean, phase = 'Running'): Pod {
  return {
    metadata: { name: 'p', labels: { app: 'a' } },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as Pod;
}

function budget(status: Partial<PodDisruptionBudgetStatus> = {}, spec: object = {}): PodDisruptionBudget {
  return {
    metadata: { name: 'b', generation: 1 },
    spec: { selector: { matchLabels: { app: 'a' } }, ...spec },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 1,
      currentHealthy: 2,
      desiredHealthy: 1,
      expectedPods: 2,
      ...status,
    },
  } as unknown as PodDisruptionBudget;
}

void t.test('whether a budget is asked', (t) => {
  const short = budget({ currentHealthy: 1, desiredHealthy: 2 });
  const cases: readonly (readonly [string, Pod, readonly PodDisruptionBudget[], 'free' | 'ask'])[] = [
    ['no budget', pod(true), [], 'free'],
    ['a budget about others', pod(true), [budget({}, { selector: { matchLabels: { app: 'b' } } })], 'free'],
    ['a budget about nobody', pod(true), [budget({}, { selector: undefined })], 'free'],
    ['a budget about everybody', pod(true), [budget({}, { selector: {} })], 'ask'],
    ['a pod that has ended', pod(true, 'Succeeded'), [budget()], 'free'],
    ['a pod that has not begun', pod(false, 'Pending'), [budget()], 'free'],
    ['not ready, the others are enough', pod(false), [budget()], 'free'],
    ['not ready, the others are not enough', pod(false), [short], 'ask'],
    [
      'not ready, and that always counts',
      pod(false),
      [budget({ currentHealthy: 0 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })],
      'free',
    ],
  ];
  for (const [name, one, budgets, kind] of cases) t.equal(evictionRuleOf(one, budgets).kind, kind, name);
  t.throws(() => evictionRuleOf(pod(true), [budget(), budget()]), {
    message: /more than one PodDisruptionBudget/,
  });
  t.end();
});

void t.test('a disruption is taken, and the last one is noted', (t) => {
  const { status } = takeDisruption(budget(), 'p', 0);
  t.match(status, {
    disruptionsAllowed: 0,
    disruptedPods: { p: '1970-01-01T00:00:00Z' },
    conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }],
  });
  t.end();
});

void t.test('there is none to take', (t) => {
  const refusal = (one: PodDisruptionBudget): object => {
    try {
      takeDisruption(one, 'p', 0);
    } catch (error) {
      if (isStatusError(error)) return error.toStatus();
      throw error;
    }
    throw new Error('it was taken');
  };
  t.match(refusal(budget({ disruptionsAllowed: 0 })), {
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [
        {
          reason: 'DisruptionBudget',
          message: 'The disruption budget b needs 1 healthy pods and has 2 currently',
        },
      ],
    },
  });
  t.match(refusal(budget({ observedGeneration: 0 })), {
    code: 429,
    details: {
      retryAfterSeconds: 10,
      causes: [{ message: 'The disruption budget b is still being processed by the server.' }],
    },
  });
  t.match(refusal(budget({ disruptionsAllowed: -1 })), { code: 403 });
  t.end();
});
