/** The columns of roles, their bindings, and certificate requests. */
import type { CertificateSigningRequest } from '../generated/certificates-v1.js';
import type { RoleRef, Subject } from '../generated/rbac-v1.js';
import type { KubernetesObject } from '../objects.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, none } from './column.js';
import { humanDuration } from './human-duration.js';

export const roleColumns: readonly Column<KubernetesObject>[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'string',
    description: 'When the role was created',
    cell: ({ metadata }) => metadata.creationTimestamp,
  },
];

interface Binding extends KubernetesObject {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

function namesOf({ subjects = [] }: Binding, kind: string): string {
  return subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = '' }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
    .join(', ');
}

export const roleBindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  {
    name: 'Role',
    type: 'string',
    description: 'The role that is given',
    cell: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`,
  },
  ageColumn,
  {
    name: 'Users',
    type: 'string',
    description: 'Users who get it',
    priority: 1,
    cell: (binding) => namesOf(binding, 'User'),
  },
  {
    name: 'Groups',
    type: 'string',
    description: 'Groups that get it',
    priority: 1,
    cell: (binding) => namesOf(binding, 'Group'),
  },
  {
    name: 'ServiceAccounts',
    type: 'string',
    description: 'Service accounts that get it',
    priority: 1,
    cell: (binding) => namesOf(binding, 'ServiceAccount'),
  },
];

export const certificateSigningRequestColumns: readonly Column<CertificateSigningRequest>[] = [
  nameColumn,
  ageColumn,
  {
    name: 'SignerName',
    type: 'string',
    description: 'Who is asked to sign',
    cell: ({ spec }) => spec.signerName,
  },
  {
    name: 'Requestor',
    type: 'string',
    description: 'Who asks',
    cell: ({ spec }) => spec.username ?? '',
  },
  {
    name: 'RequestedDuration',
    type: 'string',
    description: 'For how long the certificate is to be valid',
    cell: ({ spec }) =>
      spec.expirationSeconds === undefined ? none : humanDuration(spec.expirationSeconds * 1000),
  },
  {
    name: 'Condition',
    type: 'string',
    description: 'What became of the request',
    cell: requestState,
  },
];

function requestState({ status }: CertificateSigningRequest): string {
  const types = (status.conditions ?? []).map(({ type }) => type);
  const decision = types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : undefined;
  const state = [decision ?? (types.includes('Failed') ? 'Failed' : 'Pending')];
  if (decision !== undefined && types.includes('Failed')) state.push('Failed');
  if ((status.certificate ?? '') !== '') state.push('Issued');
  return state.join(',');
}
