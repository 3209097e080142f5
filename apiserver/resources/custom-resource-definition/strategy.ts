/** CustomResourceDefinitions: kinds that users bring along. What serves them is in `apiserver/custom-resources`. */
import type { CustomResourceDefinition } from '../../../api/generated/apiextensions-v1.js';
import { cleanupFinalizer, withCondition } from '../../../api/custom-resources/definition-status.js';
import { customResourceDefinitions } from '../../../api/resources.js';
import { timestamp } from '../object-meta.js';
import type { Strategy } from '../strategy.js';
import {
  validateDefinition,
  validateDefinitionCreate,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from './validation.js';
import { definitionWarnings } from './warnings.js';

const defaultWebhookPort = 443;

export const customResourceDefinitionStrategy: Strategy<CustomResourceDefinition> = {
  definition: customResourceDefinitions,
  tracksGeneration: true,
  cleanupFinalizer,
  setDefaults({ spec }) {
    const { names } = spec;
    if ((names.singular ?? '') === '') names.singular = names.kind.toLowerCase();
    if ((names.listKind ?? '') === '' && names.kind !== '') names.listKind = `${names.kind}List`;
    spec.conversion ??= { strategy: 'None' };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service !== undefined) service.port ??= defaultWebhookPort;
    if (spec.preserveUnknownFields === false) delete spec.preserveUnknownFields;
  },
  prepareForCreate(definition) {
    definition.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: [],
    };
    addStoredVersion(definition);
  },
  prepareForUpdate: addStoredVersion,
  validate: validateDefinition,
  validateCreate: validateDefinitionCreate,
  validateUpdate: validateDefinitionUpdate,
  validateStatusUpdate: validateDefinitionStatus,
  warnings: definitionWarnings,
  markDeleting(definition, nowMs) {
    definition.status.conditions = withCondition(
      definition.status.conditions ?? [],
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
      timestamp(nowMs),
    );
  },
};

/** Objects may have been stored in any version that was the storage version once. */
function addStoredVersion(definition: CustomResourceDefinition): void {
  const { spec, status } = definition;
  const storage = spec.versions.find((version) => version.storage)?.name;
  const stored = status.storedVersions ?? [];
  if (storage !== undefined && !stored.includes(storage))
    definition.status = { ...status, storedVersions: [...stored, storage] };
}
