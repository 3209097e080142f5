/**
 * CertificateSigningRequests. Who asks is written by the server, not by the client; approval and signing are two
 * endpoints, so that they can be two people's right.
 */
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../../api/generated/certificates-v1.js';
import { certificateSigningRequests } from '../../../api/resources.js';
import { timestamp } from '../object-meta.js';
import type { Strategy } from '../strategy.js';
import { validateCertificateSigningRequest, validateCertificateSigningRequestStatus } from './validation.js';

const approvals = ['Approved', 'Denied'];

export const certificateSigningRequestStrategy: Strategy<CertificateSigningRequest> = {
  definition: certificateSigningRequests,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  prepareForCreate(request, user) {
    const { spec } = request;
    spec.username = user.name;
    spec.groups = [...user.groups];
    delete spec.uid;
    delete spec.extra;
    if (user.uid !== undefined) spec.uid = user.uid;
    if (user.extra !== undefined) spec.extra = structuredClone(user.extra) as Record<string, string[]>;
    request.status = {};
  },
  prepareForUpdate(request, before) {
    request.spec = before.spec;
  },
  prepareSubresourceUpdate: {
    status(request, before, nowMs) {
      request.status.conditions = dated(
        [...conditionsOf(before, isApproval), ...conditionsOf(request, isOther)],
        before,
        nowMs,
      );
    },
    approval(request, before, nowMs) {
      const conditions = [...conditionsOf(request, isApproval), ...conditionsOf(before, isOther)];
      request.spec = before.spec;
      request.status = { ...before.status, conditions: dated(conditions, before, nowMs) };
    },
  },
  validate: validateCertificateSigningRequest,
  validateStatusUpdate: validateCertificateSigningRequestStatus,
};

const isApproval = ({ type }: CertificateSigningRequestCondition): boolean => approvals.includes(type);
const isOther = ({ type }: CertificateSigningRequestCondition): boolean => !approvals.includes(type);

function conditionsOf(
  { status }: CertificateSigningRequest,
  which: (condition: CertificateSigningRequestCondition) => boolean,
): CertificateSigningRequestCondition[] {
  return (status.conditions ?? []).filter(which);
}

/** Conditions without times get that of now, or keep the one that they had. */
function dated(
  conditions: readonly CertificateSigningRequestCondition[],
  before: CertificateSigningRequest,
  nowMs: number,
): CertificateSigningRequestCondition[] {
  const now = timestamp(nowMs);
  return conditions.map((condition) => {
    const old = (before.status.conditions ?? []).find(({ type }) => type === condition.type);
    const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : undefined;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? lastTransitionTime ?? now,
    };
  });
}
