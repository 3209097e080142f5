/** Questions about who somebody is: answered, never stored. */
import type * as authentication from '../generated/authentication-v1.js';
import { define } from './define.js';

const verbs = ['create'];

export const tokenReviews = define<authentication.TokenReview>(
  'authentication/v1',
  'cluster',
  'TokenReview',
  { plural: 'tokenreviews', verbs },
);
export const selfSubjectReviews = define<authentication.SelfSubjectReview>(
  'authentication/v1',
  'cluster',
  'SelfSubjectReview',
  { plural: 'selfsubjectreviews', verbs },
);
