/** Questions about who may do what: answered, never stored. */
import type * as authorization from '../generated/authorization-v1.js';
import { define } from './define.js';

const verbs = ['create'];

export const selfSubjectAccessReviews = define<authorization.SelfSubjectAccessReview>(
  'authorization/v1',
  'cluster',
  'SelfSubjectAccessReview',
  { plural: 'selfsubjectaccessreviews', verbs },
);
export const subjectAccessReviews = define<authorization.SubjectAccessReview>(
  'authorization/v1',
  'cluster',
  'SubjectAccessReview',
  { plural: 'subjectaccessreviews', verbs },
);
export const localSubjectAccessReviews = define<authorization.LocalSubjectAccessReview>(
  'authorization/v1',
  'namespaced',
  'LocalSubjectAccessReview',
  { plural: 'localsubjectaccessreviews', verbs },
);
export const selfSubjectRulesReviews = define<authorization.SelfSubjectRulesReview>(
  'authorization/v1',
  'cluster',
  'SelfSubjectRulesReview',
  { plural: 'selfsubjectrulesreviews', verbs },
);
