/** The resources that are computed instead of stored, one line each: their answers by verb. */
import * as resources from '../../api/resources.js';
import type { Handler } from '../handlers/context.js';
import { componentStatusHandlers } from './component-status.js';
import { reviewHandlers } from './reviews/review.js';

/** By the resource's name in the schema. Its definition names the same verbs. */
const handlers = new Map<string, Readonly<Record<string, Handler>>>([
  [resources.componentStatuses.schemaName, componentStatusHandlers],
  [
    resources.tokenReviews.schemaName,
    reviewHandlers(async () => (await import('./reviews/token-review.js')).tokenReview),
  ],
  [
    resources.selfSubjectReviews.schemaName,
    reviewHandlers(async () => (await import('./reviews/self-subject-review.js')).selfSubjectReview),
  ],
  [
    resources.selfSubjectAccessReviews.schemaName,
    reviewHandlers(async () => (await import('./reviews/access-reviews.js')).selfSubjectAccessReview),
  ],
  [
    resources.subjectAccessReviews.schemaName,
    reviewHandlers(async () => (await import('./reviews/access-reviews.js')).subjectAccessReview),
  ],
  [
    resources.localSubjectAccessReviews.schemaName,
    reviewHandlers(async () => (await import('./reviews/access-reviews.js')).localSubjectAccessReview),
  ],
  [
    resources.selfSubjectRulesReviews.schemaName,
    reviewHandlers(
      async () => (await import('./reviews/self-subject-rules-review.js')).selfSubjectRulesReview,
    ),
  ],
]);

/** Undefined for what is stored. */
export function findComputed(schemaName: string): Readonly<Record<string, Handler>> | undefined {
  return handlers.get(schemaName);
}
