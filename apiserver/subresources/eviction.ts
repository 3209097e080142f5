/** pods/eviction: a DELETE that asks first. There are no PodDisruptionBudgets yet, so nothing objects. */
import type { Eviction } from '../../api/generated/policy-v1.js';
import type { Handler } from '../handlers/context.js';
import { deleteObject } from '../handlers/delete.js';
import { readSubresourceObject } from '../handlers/read-object.js';
import { readDryRun } from '../handlers/request-options.js';
import { respondStatus } from '../http/respond.js';

export const handleEviction: Handler = async (request) => {
  const { exchange, parts, path } = request;
  const eviction = await readSubresourceObject<Partial<Eviction>>(
    exchange,
    parts.schema,
    'policy/v1.Eviction',
  );
  await deleteObject(request, path.name, {
    ...eviction?.deleteOptions,
    ...(readDryRun(exchange) ? { dryRun: ['All'] } : {}),
  });
  await respondStatus(exchange, 201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  });
};
