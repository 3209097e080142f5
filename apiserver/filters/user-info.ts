/** Who asks, in the terms of Kubernetes' UserInfo. */

export interface UserInfo {
  readonly name: string;
  /** Tells apart users that had the same name one after the other: that of the ServiceAccount. */
  readonly uid?: string;
  readonly groups: readonly string[];
  /** What the credential says beyond the user: the pod and the node of a token, the ID of the credential itself. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The group of everybody who proved a name. */
export const authenticatedGroup = 'system:authenticated';
