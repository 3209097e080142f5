/** Namespaces: emptied by a controller, which then takes the `kubernetes` finalizer away through /finalize. */
import type { Namespace } from '../../../api/generated/core-v1.js';
import { validateDns1123Label } from '../../../api/names.js';
import { namespaces } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';

const finalizer = 'kubernetes';
const nameLabel = 'kubernetes.io/metadata.name';

export const namespaceStrategy: Strategy<Namespace> = {
  definition: namespaces,
  validateName: validateDns1123Label,
  selectableFields: { 'status.phase': (namespace) => namespace.status.phase ?? '' },
  setDefaults({ metadata }) {
    // So that label selectors can name namespaces. A name to be generated is not there yet.
    if (metadata.name !== '') metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  prepareForCreate(namespace) {
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes(finalizer)) namespace.spec.finalizers = [...finalizers, finalizer];
    namespace.status = { phase: 'Active' };
  },
  prepareForUpdate(namespace, before) {
    namespace.spec = before.spec;
  },
  validate() {
    // Nothing beyond metadata.
  },
  markDeleting(namespace) {
    namespace.status.phase = 'Terminating';
  },
  isHeld: (namespace) => (namespace.spec.finalizers ?? []).length > 0,
  mayEndByUpdate: (before) => before.metadata.deletionTimestamp !== undefined,
};
