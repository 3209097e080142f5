import type { Event } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';

/** An Event stands in the namespace of what it is about; one about a cluster-scoped object in `default`. */
export function validateEvent(event: Event, violations: Violations): void {
  const about = event.involvedObject.namespace ?? '';
  const own = event.metadata.namespace;
  if (about === '' ? own !== 'default' && own !== 'kube-system' : about !== own)
    violations.invalid('involvedObject.namespace', about, 'does not match event.namespace');
}
