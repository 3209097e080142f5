/** Validation of ephemeral containers: what they may not have, and whom they look at. */
import type { PodSpec } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateContainers } from './container-validation.js';
import type { ContainerScope } from './container-validation.js';

/** What makes no sense for a container that is not restarted, counted or sent to. */
const forbiddenFields = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
] as const;

/** The ephemeral containers of a pod's spec; the names of all others are in the scope already. */
export function validateEphemeralContainers(
  spec: PodSpec,
  path: string,
  scope: ContainerScope,
  violations: Violations,
): void {
  const containers = spec.ephemeralContainers ?? [];
  validateContainers(containers, path, scope, violations);
  for (const [index, container] of containers.entries()) {
    const at = `${path}[${index}]`;
    const target = container.targetContainerName ?? '';
    if (target !== '' && !spec.containers.some(({ name }) => name === target))
      violations.notFound(`${at}.targetContainerName`, target);
    for (const field of forbiddenFields)
      if (isGiven(container[field]))
        violations.forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container');
    for (const [mount, { subPath = '', subPathExpr = '' }] of (container.volumeMounts ?? []).entries())
      for (const [field, value] of Object.entries({ subPath, subPathExpr }))
        if (value !== '')
          violations.forbidden(
            `${at}.volumeMounts[${mount}].${field}`,
            'cannot be set for an Ephemeral Container',
          );
  }
}

/** Decoding fills in empty resources. */
function isGiven(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined;
}
