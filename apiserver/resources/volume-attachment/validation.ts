import type { VolumeAttachment } from '../../../api/generated/storage-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { checkDriverName, checkImmutable, checkRequired, checkRequiredName } from '../checks.js';

export function validateVolumeAttachment({ spec }: VolumeAttachment, violations: Violations): void {
  const { attacher, source, nodeName } = spec;
  checkDriverName(attacher, 'spec.attacher', violations);
  const { persistentVolumeName, inlineVolumeSpec } = source;
  if (persistentVolumeName !== undefined && inlineVolumeSpec !== undefined)
    violations.forbidden(
      'spec.source',
      'must specify exactly one of inlineVolumeSpec and persistentVolumeName',
    );
  else if (persistentVolumeName !== undefined)
    checkRequired(
      persistentVolumeName,
      'spec.source.persistentVolumeName',
      violations,
      'must specify non empty persistentVolumeName',
    );
  else if (inlineVolumeSpec === undefined)
    violations.required(
      'spec.source',
      'must specify exactly one of inlineVolumeSpec and persistentVolumeName',
    );
  checkRequiredName(nodeName, validateDns1123Subdomain, 'spec.nodeName', violations);
}

export function validateVolumeAttachmentUpdate(
  { spec }: VolumeAttachment,
  before: VolumeAttachment,
  violations: Violations,
): void {
  checkImmutable(spec, before.spec, 'spec', violations);
}
