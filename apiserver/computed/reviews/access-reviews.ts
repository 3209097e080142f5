/** May I, may she? The question that the authorizer is asked for each request, asked without making one. */
import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
} from '../../../api/generated/authorization-v1.js';
import type { Violations } from '../../../api/field-path.js';
import type { UserInfo } from '../../filters/user-info.js';
import type { Authorizer, RequestAttributes } from '../../filters/authorization.js';
import type { Review } from './review.js';

interface Question {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

export const selfSubjectAccessReview: Review<SelfSubjectAccessReview> = {
  validate({ spec }, violations) {
    validateQuestion(spec, violations);
  },
  async answer(review, { user, authorizer }) {
    review.status = await ask(authorizer, user, review.spec);
  },
};

export const subjectAccessReview: Review<SubjectAccessReview> = {
  validate({ spec }, violations) {
    validateQuestion(spec, violations);
    validateSubject(spec, violations);
  },
  async answer(review, { authorizer }) {
    review.status = await ask(authorizer, subjectOf(review.spec), review.spec);
  },
};

export const localSubjectAccessReview: Review<LocalSubjectAccessReview> = {
  validate({ spec, metadata }, violations) {
    validateQuestion(spec, violations);
    validateSubject(spec, violations);
    const { resourceAttributes, nonResourceAttributes } = spec;
    if (nonResourceAttributes !== undefined)
      violations.invalid(
        'spec.nonResourceAttributes',
        nonResourceAttributes,
        'disallowed on this kind of request',
      );
    if (resourceAttributes !== undefined && resourceAttributes.namespace !== metadata.namespace)
      violations.invalid(
        'spec.resourceAttributes.namespace',
        resourceAttributes.namespace ?? '',
        'must match metadata.namespace',
      );
  },
  async answer(review, { authorizer }) {
    review.status = await ask(authorizer, subjectOf(review.spec), review.spec);
  },
};

function validateQuestion(question: Question, violations: Violations): void {
  const { resourceAttributes, nonResourceAttributes } = question;
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined)
    violations.invalid(
      'spec.nonResourceAttributes',
      nonResourceAttributes,
      'cannot be specified in combination with resourceAttributes',
    );
  if (resourceAttributes === undefined && nonResourceAttributes === undefined)
    violations.invalid(
      'spec.resourceAttributes',
      resourceAttributes,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
}

function validateSubject(
  { user = '', groups = [] }: SubjectAccessReview['spec'],
  violations: Violations,
): void {
  if (user === '' && groups.length === 0)
    violations.invalid('spec.user', user, 'at least one of user or group must be specified');
}

function subjectOf({ user = '', groups = [], uid, extra }: SubjectAccessReview['spec']): UserInfo {
  return {
    name: user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  };
}

async function ask(
  authorizer: Authorizer,
  user: UserInfo,
  question: Question,
): Promise<SubjectAccessReviewStatus> {
  const decision = await authorizer.authorize(attributesOf(user, question));
  if (decision.kind === 'allow') return { allowed: true };
  return { allowed: false, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
}

function attributesOf(
  user: UserInfo,
  { resourceAttributes, nonResourceAttributes }: Question,
): RequestAttributes {
  if (resourceAttributes === undefined)
    return { user, verb: nonResourceAttributes?.verb ?? '', path: nonResourceAttributes?.path ?? '' };
  const { group = '', version = '', namespace = '', resource = '', name = '' } = resourceAttributes;
  const { verb = '', subresource = '' } = resourceAttributes;
  return { user, verb, path: '', resource: { group, version, namespace, resource, name, subresource } };
}
