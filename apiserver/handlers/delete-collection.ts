/** DELETE of a collection: every object that the selectors name, each as a DELETE of its own. */
import { isStatusError } from '../../api/status-error.js';
import type { Handler } from './context.js';
import { deleteObject, readDeleteOptions } from './delete.js';
import { collect } from './list.js';
import { readListPlan } from './list-plan.js';
import { respondList } from './represent.js';
import { readSelection } from './selection.js';

const parallel = 16;

export const handleDeleteCollection: Handler = async (request) => {
  const { path, exchange, served } = request;
  const selection = readSelection(request);
  const plan = readListPlan(exchange);
  const options = await readDeleteOptions(request);
  const { records: selected, head } = await collect(request, selection, plan);
  for (let start = 0; start < selected.length; start += parallel) {
    await Promise.all(
      selected.slice(start, start + parallel).map(async (record) => {
        const { namespace = '', name } = served.storage.decode(record).metadata;
        try {
          await deleteObject({ ...request, path: { ...path, namespace } }, name, options);
        } catch (error) {
          // Somebody else deleted it meanwhile: that is what was wanted.
          if (!isStatusError(error, 'NotFound')) throw error;
        }
      }),
    );
  }
  await respondList(request, selected, head);
};
