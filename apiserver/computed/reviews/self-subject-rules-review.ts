/** What may I? `kubectl auth can-i --list`. */
import type {
  SelfSubjectRulesReview,
  SubjectRulesReviewStatus,
} from '../../../api/generated/authorization-v1.js';
import type { Review } from './review.js';

export const selfSubjectRulesReview: Review<SelfSubjectRulesReview> = {
  async answer(review, { user, authorizer }) {
    const rules = await authorizer.rulesFor?.(user, review.spec.namespace ?? '');
    review.status =
      rules === undefined
        ? unknown
        : {
            resourceRules: rules.resourceRules.map((rule) => structuredClone(rule) as ResourceRule),
            nonResourceRules: rules.nonResourceRules.map((rule) => structuredClone(rule) as NonResourceRule),
            incomplete: rules.incomplete,
          };
  },
};

type ResourceRule = SubjectRulesReviewStatus['resourceRules'][number];
type NonResourceRule = SubjectRulesReviewStatus['nonResourceRules'][number];

const unknown: SubjectRulesReviewStatus = {
  resourceRules: [],
  nonResourceRules: [],
  incomplete: true,
  evaluationError: 'the authorizer of this server does not enumerate its rules',
};
