import type { ClusterRole } from '../../../api/generated/rbac-v1.js';
import { validatePathSegmentName } from '../../../api/names.js';
import { clusterRoles } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateClusterRole } from './validation.js';

export const clusterRoleStrategy: Strategy<ClusterRole> = {
  definition: clusterRoles,
  validateName: validatePathSegmentName,
  allowsCreateOnUpdate: true,
  validate: validateClusterRole,
};
