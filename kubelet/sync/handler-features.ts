/** What the runtime can do in the way in which this Pod is run: that of its RuntimeClass, or the runtime's own. */
import type { Pod } from '../../api/generated/core-v1.js';
import type { RuntimeFeatures } from '../cri/runtime.js';
import type { PodServices } from './pod-services.js';

/** Asked where it matters only. Nothing is known of a handler of which the runtime does not tell: it can do none of it. */
export async function handlerFeatures(
  { runtime, runtimeHandlerOf }: Pick<PodServices, 'runtime' | 'runtimeHandlerOf'>,
  pod: Pod,
  signal?: AbortSignal,
): Promise<RuntimeFeatures['handlers'][number]> {
  const [{ handlers }, name] = await Promise.all([runtime.features(signal), runtimeHandlerOf(pod)]);
  const found = handlers.find((handler) => handler.name === name);
  return found ?? { name, userNamespaces: false, recursiveReadOnlyMounts: false };
}
