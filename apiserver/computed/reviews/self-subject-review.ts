/** Who am I? `kubectl auth whoami`. */
import type { SelfSubjectReview } from '../../../api/generated/authentication-v1.js';
import type { Review } from './review.js';

export const selfSubjectReview: Review<SelfSubjectReview> = {
  answer(review, { user }) {
    const { name, groups, uid, extra } = user;
    review.status = {
      userInfo: {
        username: name,
        groups: [...groups],
        ...(uid === undefined ? {} : { uid }),
        ...(extra === undefined ? {} : { extra: structuredClone(extra) as Record<string, string[]> }),
      },
    };
  },
};
