/** Nothing is created in a namespace that is not there or going away; the basic namespaces cannot be deleted. */
import type { Namespace } from '../../api/generated/core-v1.js';
import { namespaces } from '../../api/resources.js';
import { notFound, StatusError } from '../../api/status-error.js';
import { subjectOf } from '../storage/error-subject.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';

const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** `findNamespace` answers with what is in the store now, not with a cache that may lag behind a create. */
export function namespaceLifecycle(
  findNamespace: (name: string) => Promise<Namespace | undefined>,
): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async admit(request) {
      if (request.operation === 'DELETE') {
        refuseImmortal(request);
        return;
      }
      if (request.operation !== 'CREATE' || !request.definition.namespaced) return;
      const namespace = await findNamespace(request.namespace);
      if (namespace === undefined) throw notFound(subjectOf(namespaces), request.namespace);
      if (namespace.status.phase === 'Terminating' || namespace.metadata.deletionTimestamp !== undefined)
        throw terminating(request);
    },
  };
}

function refuseImmortal({ definition, name }: AdmissionRequest): void {
  if (definition.plural !== 'namespaces' || definition.group !== '' || !immortal.has(name)) return;
  throw new StatusError('Forbidden', `namespaces "${name}" is forbidden: this namespace may not be deleted`, {
    details: { name, kind: 'namespaces' },
  });
}

function terminating({ definition, namespace, name }: AdmissionRequest): StatusError {
  const resource = definition.group === '' ? definition.plural : `${definition.plural}.${definition.group}`;
  return new StatusError(
    'Forbidden',
    `${resource} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      details: {
        name,
        group: definition.group,
        kind: definition.plural,
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      },
    },
  );
}
