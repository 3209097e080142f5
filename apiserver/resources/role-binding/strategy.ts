import type { RoleBinding } from '../../../api/generated/rbac-v1.js';
import { validatePathSegmentName } from '../../../api/names.js';
import { roleBindings } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { setBindingDefaults, validateBindingUpdate, validateRoleBinding } from './validation.js';

export const roleBindingStrategy: Strategy<RoleBinding> = {
  definition: roleBindings,
  validateName: validatePathSegmentName,
  allowsCreateOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: validateRoleBinding,
  validateUpdate: validateBindingUpdate,
};
