/** Who am I? `kubectl auth whoami`. */
import type { SelfSubjectReview, UserInfo as ApiUserInfo } from '../../../api/generated/authentication-v1.js';
import type { UserInfo } from '../../filters/user-info.js';
import type { Review } from './review.js';

export const selfSubjectReview: Review<SelfSubjectReview> = {
  answer(review, { user }) {
    review.status = { userInfo: userInfoOf(user) };
  },
};

/** A user in the form of the API. */
export function userInfoOf({ name, groups, uid, extra }: UserInfo): ApiUserInfo {
  return {
    username: name,
    groups: [...groups],
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra: structuredClone(extra) as Record<string, string[]> }),
  };
}
