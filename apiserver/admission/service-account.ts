/** A Pod that names no service account runs as `default`. Token volumes come with the token issuer. */
import type { Pod } from '../../api/generated/core-v1.js';
import type { AdmissionPlugin } from './admission.js';
import { isPodCreation } from './pod-creation.js';

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  admit(request) {
    if (!isPodCreation(request)) return;
    const { spec } = request.object as Pod;
    if ((spec.serviceAccountName ?? '') === '') spec.serviceAccountName = 'default';
    // The old name of the field goes along, as clients still read it.
    spec.serviceAccount = spec.serviceAccountName ?? 'default';
  },
};
