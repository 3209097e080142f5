/** pods/binding: the scheduler's word on where a pod runs. Also as POST to `bindings` of a namespace. */
import type { Binding, Pod } from '../../api/generated/core-v1.js';
import { findCondition, withCondition } from '../../api/pod-helpers.js';
import { pods } from '../../api/resources.js';
import { conflict, StatusError } from '../../api/status-error.js';
import type { Handler, ResourceRequest } from '../handlers/context.js';
import { emptyBody, readSubresourceObject } from '../handlers/read-object.js';
import { readDryRun } from '../handlers/request-options.js';
import { respondCreated } from '../http/respond.js';
import { omit } from '../omit.js';
import { timestamp } from '../resources/object-meta.js';
import { subjectOf } from '../storage/error-subject.js';

export const handleBinding: Handler = async (request) => {
  const { exchange, parts, path } = request;
  const binding = await readSubresourceObject<Partial<Binding>>(exchange, parts.schema, 'core/v1.Binding');
  if (binding === undefined) throw emptyBody();
  const name = path.name === '' ? (binding.metadata?.name ?? '') : path.name;
  await bindPod(request, name, binding, readDryRun(exchange));
  await respondCreated(exchange);
};

async function bindPod(
  { parts, path }: ResourceRequest,
  name: string,
  binding: Partial<Binding>,
  dryRun: boolean,
): Promise<void> {
  const nodeName = binding.target?.name ?? '';
  const kind = binding.target?.kind ?? '';
  if (nodeName === '') throw invalidTarget(name, 'target.name: Required value');
  if (kind !== '' && kind !== 'Node')
    throw invalidTarget(
      name,
      `target.kind: Unsupported value: "${kind}": supported values: "Node", "<empty>"`,
    );
  await parts.resources.of(pods).storage.guaranteedUpdate(path.namespace, name, (current) => {
    refuseBinding(current, binding);
    const pod = structuredClone(current);
    pod.spec.nodeName = nodeName;
    const annotations = binding.metadata?.annotations;
    if (annotations !== undefined) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
    pod.status.conditions = [
      ...withCondition(
        pod.status.conditions,
        { ...findCondition(pod.status.conditions, 'PodScheduled'), type: 'PodScheduled', status: 'True' },
        timestamp(parts.clock.now()),
      ),
    ].map((condition) => (condition.type === 'PodScheduled' ? withoutReason(condition) : condition));
    return dryRun ? { kind: 'keep' } : { kind: 'write', object: pod };
  });
}

/** Why it could not be scheduled before is history. */
function withoutReason<C extends { reason?: string; message?: string }>(condition: C): C {
  return omit(condition, 'reason', 'message') as C;
}

function refuseBinding({ metadata, spec }: Pod, binding: Partial<Binding>): void {
  const subject = { ...subjectOf(pods), resource: 'pods/binding' };
  const uid = (binding.metadata as { uid?: string } | undefined)?.uid ?? '';
  if (uid !== '' && uid !== metadata.uid)
    throw conflict(
      subject,
      metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  if (metadata.deletionTimestamp !== undefined)
    throw conflict(
      subject,
      metadata.name,
      `pod ${metadata.name} is being deleted, cannot be assigned to a host`,
    );
  if ((spec.nodeName ?? '') !== '')
    throw conflict(
      subject,
      metadata.name,
      `pod ${metadata.name} is already assigned to node "${spec.nodeName ?? ''}"`,
    );
  if ((spec.schedulingGates ?? []).length > 0)
    throw conflict(subject, metadata.name, `pod ${metadata.name} has non-empty .spec.schedulingGates`);
}

function invalidTarget(name: string, problem: string): StatusError {
  return new StatusError('Invalid', `Binding "${name}" is invalid: ${problem}`, {
    details: { name, kind: 'Binding' },
  });
}
