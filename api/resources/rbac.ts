import type * as rbac from '../generated/rbac-v1.js';
import { define } from './define.js';

export const roles = define<rbac.Role>('rbac/v1', 'namespaced', 'Role', { plural: 'roles' });
export const roleBindings = define<rbac.RoleBinding>('rbac/v1', 'namespaced', 'RoleBinding', {
  plural: 'rolebindings',
});
export const clusterRoles = define<rbac.ClusterRole>('rbac/v1', 'cluster', 'ClusterRole', {
  plural: 'clusterroles',
});
export const clusterRoleBindings = define<rbac.ClusterRoleBinding>(
  'rbac/v1',
  'cluster',
  'ClusterRoleBinding',
  { plural: 'clusterrolebindings' },
);
