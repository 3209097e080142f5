import type { Handler } from './context.js';
import { respondStored } from './represent.js';

/** GET of one object, as it is now: a resourceVersion asked for is never newer than that. */
export const handleGet: Handler = async (request) => {
  const { path, served, exchange } = request;
  await respondStored(request, await served.storage.get(path.namespace, path.name, exchange.signal));
};
