/** Whose token is this? For servers that are called with tokens of this cluster: the kubelet, aggregated APIs, webhooks. */
import type { TokenReview } from '../../../api/generated/authentication-v1.js';
import { StatusError } from '../../../api/status-error.js';
import type { Review } from './review.js';
import { userInfoOf } from './self-subject-review.js';

export const tokenReview: Review<TokenReview> = {
  async answer(review, { tokens }) {
    const { token = '', audiences = [] } = review.spec;
    if (token === '')
      throw new StatusError('BadRequest', 'token is required for TokenReview in authentication');
    const verdict = await (audiences.length === 0
      ? tokens.authenticateToken(token)
      : tokens.authenticateToken(token, audiences));
    review.status =
      verdict.kind === 'rejected'
        ? { user: {}, error: verdict.reason }
        : { authenticated: true, user: userInfoOf(verdict.user), audiences: [...verdict.audiences] };
  },
};
