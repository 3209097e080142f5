/** From a Pod's RuntimeClass to the handler that the container runtime knows. */
import type { Pod } from '../../api/generated/core-v1.js';
import { runtimeClasses } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient } from '../../client/types.js';

/** Asked for with each sandbox: classes are few, and a Pod that names one is rare. */
export function createRuntimeHandlers(client: ApiClient): (pod: Pod) => Promise<string> {
  const classes = client.resource(runtimeClasses);
  return async ({ spec: { runtimeClassName: name } }) => {
    if (name === undefined || name === '') return '';
    try {
      return (await classes.get({ name })).handler;
    } catch (error) {
      if (isStatusError(error, 'NotFound'))
        throw new Error(`RuntimeClass "${name}" not found`, { cause: error });
      throw error;
    }
  };
}
