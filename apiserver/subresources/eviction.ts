/** pods/eviction: a DELETE that asks the pod's disruption budget first. */
import type { Eviction } from '../../api/generated/policy-v1.js';
import { podDisruptionBudgets, pods } from '../../api/resources.js';
import { StatusError } from '../../api/status-error.js';
import type { Handler, ResourceRequest } from '../handlers/context.js';
import { deleteObject } from '../handlers/delete.js';
import { readSubresourceObject } from '../handlers/read-object.js';
import { readDryRun } from '../handlers/request-options.js';
import { respondCreated } from '../http/respond.js';
import { evictionRuleOf, takeDisruption } from './disruption-budget.js';

export const handleEviction: Handler = async (request) => {
  const { exchange, parts, path } = request;
  const eviction = await readSubresourceObject<Partial<Eviction>>(
    exchange,
    parts.schema,
    'policy/v1.Eviction',
  );
  checkVersion(eviction?.apiVersion);
  const dryRun = readDryRun(exchange) || (eviction?.deleteOptions?.dryRun ?? []).length > 0;
  await askBudget(request, dryRun);
  await deleteObject(request, path.name, {
    ...eviction?.deleteOptions,
    ...(dryRun ? { dryRun: ['All'] } : {}),
  });
  await respondCreated(exchange);
};

/** The two versions have the same fields, and both are accepted. Throws BadRequest. */
function checkVersion(apiVersion = ''): void {
  if (['', 'policy/v1', 'policy/v1beta1'].includes(apiVersion)) return;
  throw new StatusError(
    'BadRequest',
    `the API version in the data (${apiVersion}) does not match the expected API version (policy/v1)`,
  );
}

/** Throws TooManyRequests when the budget has nothing left; else one disruption is taken from it. */
async function askBudget({ exchange, parts, path }: ResourceRequest, dryRun: boolean): Promise<void> {
  const { object: pod } = await parts.resources
    .of(pods)
    .storage.get(path.namespace, path.name, exchange.signal);
  const { storage } = parts.resources.of(podDisruptionBudgets);
  const { items } = await storage.list({ namespace: path.namespace }, exchange.signal);
  const rule = evictionRuleOf(
    pod,
    items.map((item) => item.object),
  );
  if (rule.kind === 'free') return;
  await storage.guaranteedUpdate(path.namespace, rule.budget.metadata.name, (budget) => {
    const object = takeDisruption(structuredClone(budget), path.name, parts.clock.now());
    return dryRun ? { kind: 'keep' } : { kind: 'write', object };
  });
}
