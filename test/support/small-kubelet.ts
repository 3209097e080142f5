/** A kubelet without containers: what gets a node runs and is ready, what is to go is gone. For tests above the node. */
import { isStatusError } from '../../api/status-error.js';
import { pods } from '../../api/resources.js';
import type { Pod } from '../../api/generated/core-v1.js';
import type { ApiClient } from '../../client/types.js';
import { createInformerFactory } from '../../client/informer.js';
import { silentLogger } from '../../common/log.js';

export interface SmallKubeletOptions {
  /** Leave Pods without a node alone. */
  readonly needsNode: boolean;
  /** Pods that never become ready. */
  readonly unready?: (pod: Pod) => boolean;
}

/** Runs until the signal aborts. */
export async function runSmallKubelet(
  client: ApiClient,
  options: SmallKubeletOptions,
  signal: AbortSignal,
): Promise<void> {
  const informers = createInformerFactory({ client, log: silentLogger });
  const work = new Set<Promise<void>>();
  const begin = (pod: Pod): void => {
    const tracked = tend(client, options, pod).finally(() => work.delete(tracked));
    work.add(tracked);
  };
  informers.informer(pods).addHandler({
    onAdd: begin,
    onUpdate: (_before, after) => {
      begin(after);
    },
  });
  await informers.run(signal);
  await Promise.all(work);
}

async function tend(client: ApiClient, options: SmallKubeletOptions, pod: Pod): Promise<void> {
  const resource = client.resource(pods);
  try {
    if (pod.metadata.deletionTimestamp !== undefined) {
      const preconditions = { uid: pod.metadata.uid };
      await resource.delete(pod.metadata, { gracePeriodSeconds: 0, preconditions });
      return;
    }
    const placed = !options.needsNode || (pod.spec.nodeName ?? '') !== '';
    if (!placed || pod.status.phase !== 'Pending' || options.unready?.(pod) === true) return;
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const ready = { type: 'Ready', status: 'True', lastTransitionTime: now };
    const patch = { metadata: { uid: pod.metadata.uid }, status: { phase: 'Running', conditions: [ready] } };
    await resource.patch(pod.metadata, 'strategic', patch, { subresource: 'status' });
  } catch (error) {
    // It changed or went meanwhile, or the server is away: the informer brings what is new.
    if (!isStatusError(error)) throw error;
  }
}
