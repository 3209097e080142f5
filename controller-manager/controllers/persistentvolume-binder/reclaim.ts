/** What happens to a PersistentVolume whose claim is gone. */
import { realpath } from 'node:fs/promises';
import type { PersistentVolume } from '../../../api/generated/core-v1.js';
import { persistentVolumes } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import type { ApiClient, EventRecorder } from '../../../client/types.js';
import { removeTree } from '../../../common/remove-tree.js';
import { withPhase } from './bind.js';
import { planReclaim } from './plan-volume.js';

/** Idempotent. Rejects with StatusError. */
export async function reclaim(
  client: ApiClient,
  recorder: EventRecorder,
  volume: PersistentVolume,
): Promise<void> {
  const volumes = client.resource(persistentVolumes);
  const { phase } = volume.status;
  // Failed is the end of it: a person has to look.
  if (phase === 'Failed') return;
  const released = phase === 'Released' ? volume : await volumes.updateStatus(withPhase(volume, 'Released'));
  const plan = planReclaim(released);
  const trouble = plan.kind === 'delete-folder' ? await deleteFolder(plan.path) : undefined;
  if (plan.kind === 'delete-folder' && trouble === undefined) {
    const { name, uid } = volume.metadata;
    try {
      await volumes.delete({ name }, { preconditions: { uid } });
    } catch (error) {
      if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error;
    }
    return;
  }
  const failure = plan.kind === 'fail' ? plan : trouble;
  if (failure === undefined) return;
  const { reason, message } = failure;
  await volumes.updateStatus(withPhase(released, 'Failed', { reason, message }));
  recorder.event(released, 'Warning', reason, message);
}

/** Why it could not be deleted. Links on the way must not lead out of /tmp, and nothing behind a mount is deleted. */
async function deleteFolder(path: string): Promise<{ reason: string; message: string } | undefined> {
  try {
    const real = await realpath(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (real === undefined) return undefined;
    if (!real.startsWith('/tmp/')) throw new Error(`${path} leads to ${real}, which is not in /tmp`);
    await removeTree(real);
    return undefined;
  } catch (error) {
    return { reason: 'VolumeFailedDelete', message: error instanceof Error ? error.message : String(error) };
  }
}
