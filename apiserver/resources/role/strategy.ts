import type { Role } from '../../../api/generated/rbac-v1.js';
import { validatePathSegmentName } from '../../../api/names.js';
import { roles } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateRole } from './validation.js';

export const roleStrategy: Strategy<Role> = {
  definition: roles,
  validateName: validatePathSegmentName,
  allowsCreateOnUpdate: true,
  validate: validateRole,
};
