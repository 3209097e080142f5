import type { AdmissionRequest } from './admission.js';

/** True for the creation of a Pod itself, not of one of its subresources. */
export function isPodCreation({ operation, definition, subresource }: AdmissionRequest): boolean {
  return (
    operation === 'CREATE' && definition.plural === 'pods' && definition.group === '' && subresource === ''
  );
}
