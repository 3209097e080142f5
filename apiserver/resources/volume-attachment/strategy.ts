/** VolumeAttachments: the wish that a volume be attached to a node, and in the status whether it is. */
import type { VolumeAttachment } from '../../../api/generated/storage-v1.js';
import { volumeAttachments } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateVolumeAttachment, validateVolumeAttachmentUpdate } from './validation.js';

export const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  definition: volumeAttachments,
  prepareForCreate(attachment) {
    attachment.status = { attached: false };
  },
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,
};
