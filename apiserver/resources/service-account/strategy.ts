import type { ServiceAccount } from '../../../api/generated/core-v1.js';
import { serviceAccounts } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  definition: serviceAccounts,
  returnsDeletedObject: true,
  validate() {
    // Nothing beyond metadata and the types that the schema checks.
  },
};
