import {
  horizontalPodAutoscalerFromV2,
  horizontalPodAutoscalerToV2,
} from '../../../api/conversion/horizontal-pod-autoscaler.js';
import type * as v1 from '../../../api/generated/autoscaling-v1.js';
import type * as v2 from '../../../api/generated/autoscaling-v2.js';
import { horizontalPodAutoscalers } from '../../../api/resources.js';
import type { VersionConversion } from '../../storage/version-conversion.js';

/** Autoscalers are stored as v2, whichever version a client speaks. */
export const horizontalPodAutoscalerConversion: VersionConversion<
  v1.HorizontalPodAutoscaler,
  v2.HorizontalPodAutoscaler
> = {
  storedAs: horizontalPodAutoscalers,
  toStored: horizontalPodAutoscalerToV2,
  fromStored: horizontalPodAutoscalerFromV2,
};
