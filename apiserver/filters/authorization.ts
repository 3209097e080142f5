/** Who may do what. One interface, so that RBAC and the Node authorizer can take this place. */
import { StatusError } from '../../api/status-error.js';
import type { UserInfo } from './user-info.js';

/** What is asked for, in the terms of Kubernetes' SubjectAccessReview. */
export interface RequestAttributes {
  readonly user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection; for paths the HTTP method in lower case. */
  readonly verb: string;
  readonly path: string;
  /** Absent for paths outside of the resources. */
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly namespace: string;
    readonly resource: string;
    readonly name: string;
    readonly subresource: string;
  };
}

export type Decision = { readonly kind: 'allow' } | { readonly kind: 'deny'; readonly reason: string };

/** What somebody may do, as far as it can be listed. */
export interface SubjectRules {
  readonly resourceRules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly nonResourceRules: readonly {
    readonly verbs: readonly string[];
    readonly nonResourceURLs?: readonly string[];
  }[];
  /** There may be more that is allowed. */
  readonly incomplete: boolean;
}

/** May be asked concurrently. */
export interface Authorizer {
  authorize(attributes: RequestAttributes): Promise<Decision> | Decision;
  /** All that a user may do in a namespace; absent where it cannot be listed. */
  rulesFor?(user: UserInfo, namespace: string): Promise<SubjectRules> | SubjectRules;
}

/** Paths that tell nothing but whether the server is alive, and its version. */
const publicPaths = /^\/(healthz|livez|readyz|version)(\/|$)/;

/** Everybody with a name may do everything; who has none may ask for health and version. */
export const authenticatedUsersMayDoAll: Authorizer = {
  authorize: ({ user, path, resource }) =>
    user.groups.includes('system:authenticated') || (resource === undefined && publicPaths.test(path))
      ? { kind: 'allow' }
      : { kind: 'deny', reason: '' },
  rulesFor: ({ groups }) =>
    groups.includes('system:authenticated')
      ? {
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          incomplete: false,
        }
      : {
          resourceRules: [],
          nonResourceRules: [
            {
              verbs: ['get'],
              nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version'].flatMap((path) => [
                path,
                `${path}/*`,
              ]),
            },
          ],
          incomplete: false,
        },
};

/** The Forbidden of Kubernetes. */
export function forbidden(attributes: RequestAttributes, reason: string): StatusError {
  const { user, verb, path, resource } = attributes;
  const suffix = reason === '' ? '' : `: ${reason}`;
  if (resource === undefined) {
    return new StatusError(
      'Forbidden',
      `forbidden: User "${user.name}" cannot ${verb} path "${path}"${suffix}`,
      {
        details: {},
      },
    );
  }
  const name = resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
  const what =
    resource.subresource === '' ? resource.resource : `${resource.resource}/${resource.subresource}`;
  const scope =
    resource.namespace === '' ? 'at the cluster scope' : `in the namespace "${resource.namespace}"`;
  const subject = resource.name === '' ? name : `${name} "${resource.name}"`;
  return new StatusError(
    'Forbidden',
    `${subject} is forbidden: User "${user.name}" cannot ${verb} resource "${what}" in API group "${resource.group}" ${scope}${suffix}`,
    { details: { name: resource.name, group: resource.group, kind: resource.resource } },
  );
}
