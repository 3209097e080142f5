/**
 * Keeps a claim that is being deleted until no Pod on a node uses it any more. Pods that have no node do not count: a
 * kubelet starts none with a claim that is on its way out.
 */
import type { PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.js';
import { keyOf } from '../../../api/objects.js';
import { persistentVolumeClaims, pods } from '../../../api/resources.js';
import { claimProtection } from '../../../api/volume-binding.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { byClaim } from '../indexes.js';
import { updateFinalizer } from './update-finalizer.js';

export const claimProtectionController: ControllerDefinition = {
  name: 'pvc-protection',
  create({ client, informers, log, clock, queueMetrics }) {
    const claimInformer = informers.informer(persistentVolumeClaims);
    const podInformer = informers.informer(pods, { indexes: byClaim });
    const resource = client.resource(persistentVolumeClaims);

    /** The cache may not know the newest Pod yet: before the claim goes, the server is asked. */
    async function isUsed(claim: PersistentVolumeClaim): Promise<boolean> {
      if (podInformer.byIndex('claim', keyOf(claim)).some(isOnNode)) return true;
      const { namespace } = claim.metadata;
      const { items } = await client.resource(pods).list({ namespace });
      return items.some((pod) => isOnNode(pod) && byClaim.claim(pod).includes(keyOf(claim)));
    }

    return createController({
      name: 'pvc-protection',
      sources: [
        keysFrom(claimInformer),
        keysFrom(podInformer, byClaim.claim, { ignoreUpdate: (before, after) => isSameUse(before, after) }),
      ],
      async reconcile(key) {
        const claim = claimInformer.get(key);
        if (claim === undefined) return;
        const isEnding = claim.metadata.deletionTimestamp !== undefined;
        if (!isEnding) await updateFinalizer(resource, claim, claimProtection, true);
        else if (!(await isUsed(claim))) await updateFinalizer(resource, claim, claimProtection, false);
      },
      log,
      clock,
      queueMetrics,
    });
  },
};

function isOnNode({ spec }: Pod): boolean {
  return spec.nodeName !== undefined && spec.nodeName !== '';
}

function isSameUse(before: Pod, after: Pod): boolean {
  return before.metadata.uid === after.metadata.uid && before.spec.nodeName === after.spec.nodeName;
}
