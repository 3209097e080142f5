import type { ClusterRoleBinding } from '../../../api/generated/rbac-v1.js';
import { validatePathSegmentName } from '../../../api/names.js';
import { clusterRoleBindings } from '../../../api/resources.js';
import { setBindingDefaults, validateBindingUpdate } from '../role-binding/validation.js';
import type { Strategy } from '../strategy.js';
import { validateClusterRoleBinding } from './validation.js';

export const clusterRoleBindingStrategy: Strategy<ClusterRoleBinding> = {
  definition: clusterRoleBindings,
  validateName: validatePathSegmentName,
  allowsCreateOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: validateClusterRoleBinding,
  validateUpdate: validateBindingUpdate,
};
