/** DELETE of one object. */
import type { DeleteOptions } from '../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { Violations } from '../../api/field-path.js';
import { conflict } from '../../api/status-error.js';
import { respondStatus } from '../http/respond.js';
import { subjectOf } from '../storage/error-subject.js';
import type { Handler, ResourceRequest } from './context.js';
import { decideDeletion } from './deletion.js';
import { readSubresourceObject } from './read-object.js';
import { respondObject } from './represent.js';
import { checkDryRun, checkOptions, readBoolean, readDryRun, readSignedInteger } from './request-options.js';

export const handleDelete: Handler = async (request) => {
  const { served, path } = request;
  const options = await readDeleteOptions(request);
  const { object, deleted } = await deleteObject(request, path.name, options);
  if (deleted && served.strategy.returnsDeletedObject !== true)
    await respondStatus(request.exchange, 200, deletedStatus(served.definition, object));
  else await respondObject(request, 200, object);
};

const policies = ['Background', 'Foreground', 'Orphan'];

/** From the body, or, where there is none, from the query. Throws BadRequest and Invalid. */
export async function readDeleteOptions({
  exchange,
  parts,
}: ResourceRequest): Promise<Partial<DeleteOptions>> {
  const body = await readSubresourceObject<Partial<DeleteOptions>>(
    exchange,
    parts.schema,
    'meta/v1.DeleteOptions',
  );
  const options: Partial<DeleteOptions> = { ...body };
  const grace = readSignedInteger(exchange, 'gracePeriodSeconds');
  if (grace !== undefined) options.gracePeriodSeconds ??= grace;
  const policy = exchange.query.get('propagationPolicy');
  if (policy !== null && policy !== '') options.propagationPolicy ??= policy;
  const orphan = readBoolean(exchange, 'orphanDependents');
  if (orphan !== undefined) options.orphanDependents ??= orphan;
  if (readDryRun(exchange)) options.dryRun = ['All'];
  checkOptions('DeleteOptions', (violations) => {
    checkDeleteOptions(options, violations);
  });
  return options;
}

function checkDeleteOptions(options: Partial<DeleteOptions>, violations: Violations): void {
  const { propagationPolicy, orphanDependents, dryRun = [] } = options;
  if (propagationPolicy !== undefined && orphanDependents !== undefined)
    violations.invalid(
      'propagationPolicy',
      propagationPolicy,
      'orphanDependents and deletionPropagation cannot be both set',
    );
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy))
    violations.notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil']);
  checkDryRun(dryRun, violations);
}

/** Deletes one object of the request's namespace, or begins to. Returns it as it is then, or was last. */
export async function deleteObject(
  request: ResourceRequest,
  name: string,
  options: Partial<DeleteOptions>,
): Promise<{ readonly object: KubernetesObject; readonly deleted: boolean }> {
  const { served, path, parts } = request;
  const { strategy, storage, definition } = served;
  const dryRun = (options.dryRun ?? []).length > 0;
  const admission = {
    operation: 'DELETE',
    definition,
    namespace: path.namespace,
    name,
    subresource: '',
    user: request.user,
    dryRun,
  } as const;
  let outcome: { object: KubernetesObject; deleted: boolean } | undefined;
  const result = await storage.guaranteedUpdate(path.namespace, name, async (current) => {
    checkPreconditions(request, name, current, options);
    await parts.admission.admit({ ...admission, before: current });
    await parts.admission.validate({ ...admission, before: current });
    const step = decideDeletion(strategy, structuredClone(current), options, parts.clock.now());
    outcome = undefined;
    if (dryRun) {
      outcome = { object: step.kind === 'write' ? step.object : current, deleted: step.kind === 'delete' };
      return { kind: 'keep' };
    }
    return step.kind === 'pending' ? { kind: 'keep' } : step;
  });
  if (outcome !== undefined) return outcome;
  if (result.deleted) await strategy.released?.(result.object);
  return result;
}

function checkPreconditions(
  { served }: ResourceRequest,
  name: string,
  current: KubernetesObject,
  { preconditions }: Partial<DeleteOptions>,
): void {
  const subject = subjectOf(served.definition);
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid !== undefined && uid !== current.metadata.uid)
    throw conflict(
      subject,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
    );
  if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion)
    throw conflict(
      subject,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${current.metadata.resourceVersion}`,
    );
}

/** The Status that stands for an object that is gone. */
export function deletedStatus(
  definition: ResourceRequest['served']['definition'],
  { metadata }: KubernetesObject,
): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name,
      ...(definition.group === '' ? {} : { group: definition.group }),
      kind: definition.plural,
      uid: metadata.uid,
    },
  };
}
