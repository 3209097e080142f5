import type { AdmissionRequest } from './admission.js';

/** True for the creation of a Pod itself, not of one of its subresources. */
export function isPodCreation(request: AdmissionRequest): boolean {
  return request.operation === 'CREATE' && isOfPod(request);
}

/** True for the update of a Pod itself. */
export function isPodUpdate(request: AdmissionRequest): boolean {
  return request.operation === 'UPDATE' && isOfPod(request);
}

function isOfPod({ definition, subresource }: AdmissionRequest): boolean {
  return definition.plural === 'pods' && definition.group === '' && subresource === '';
}
