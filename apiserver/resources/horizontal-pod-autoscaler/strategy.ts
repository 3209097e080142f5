/** HorizontalPodAutoscalers: how many pods a workload gets, by what they are doing. Stored as v2, served as v1, too. */
import type * as v1 from '../../../api/generated/autoscaling-v1.js';
import type * as v2 from '../../../api/generated/autoscaling-v2.js';
import { horizontalPodAutoscalers, horizontalPodAutoscalersV1 } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { strategyOfView } from '../version-view.js';
import { horizontalPodAutoscalerConversion } from './conversion.js';
import { validateAutoscaler, validateAutoscalerStatus } from './validation.js';

const defaultCpuPercent = 80;

export const horizontalPodAutoscalerStrategy: Strategy<v2.HorizontalPodAutoscaler> = {
  definition: horizontalPodAutoscalers,
  setDefaults({ spec }) {
    spec.minReplicas ??= 1;
    if ((spec.metrics ?? []).length === 0)
      spec.metrics = [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultCpuPercent } },
        },
      ];
    if (spec.behavior !== undefined) setBehaviorDefaults(spec.behavior);
  },
  prepareForCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0 };
  },
  validate: validateAutoscaler,
  validateStatusUpdate: validateAutoscalerStatus,
};

/** Up as fast as doubling, or four pods, every 15 seconds; down to what is needed at once. */
function setBehaviorDefaults(behavior: v2.HorizontalPodAutoscalerBehavior): void {
  const percent = { type: 'Percent', value: 100, periodSeconds: 15 };
  behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percent],
    ...behavior.scaleUp,
  };
  behavior.scaleDown = { selectPolicy: 'Max', policies: [{ ...percent }], ...behavior.scaleDown };
}

export const horizontalPodAutoscalerV1Strategy: Strategy<v1.HorizontalPodAutoscaler> = strategyOfView(
  horizontalPodAutoscalersV1,
  horizontalPodAutoscalerConversion,
  horizontalPodAutoscalerStrategy,
);
