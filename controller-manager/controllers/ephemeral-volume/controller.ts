/** Makes the claims of generic ephemeral volumes: one a Pod and volume, owned by the Pod, gone with it. */
import type { PersistentVolumeClaim, Pod, Volume } from '../../../api/generated/core-v1.js';
import { keyOf } from '../../../api/objects.js';
import { persistentVolumeClaims, pods } from '../../../api/resources.js';
import { claimNameOf } from '../../../api/volume-binding.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { createUnlessThere } from '../ensure-in-namespace.js';
import { byClaim } from '../indexes.js';

export const ephemeralVolumes: ControllerDefinition = {
  name: 'ephemeral-volume',
  create({ client, informers, log, clock, queueMetrics, eventRecorder }) {
    const podInformer = informers.informer(pods, { indexes: byClaim });
    const claimInformer = informers.informer(persistentVolumeClaims);
    const recorder = eventRecorder('ephemeral_volume');

    async function ensureClaim(pod: Pod, volume: Volume): Promise<void> {
      const template = volume.ephemeral?.volumeClaimTemplate;
      const name = claimNameOf(pod, volume);
      if (template === undefined || name === undefined) return;
      const { namespace } = pod.metadata;
      const claim = claimInformer.get(`${namespace}/${name}`);
      if (claim === undefined) {
        const { labels, annotations } = template.metadata;
        await createUnlessThere(client.resource(persistentVolumeClaims), {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: {
            name,
            namespace,
            ...(labels && { labels }),
            ...(annotations && { annotations }),
            ownerReferences: [ownerOf(pod)],
          },
          spec: template.spec,
        });
      } else if (!isOwnedBy(claim, pod)) {
        const message = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
        recorder.event(pod, 'Warning', 'EphemeralVolumeConflict', message);
      }
    }

    return createController({
      name: 'ephemeral-volume',
      sources: [
        keysFrom(podInformer, (pod) => (hasEphemeral(pod) ? [keyOf(pod)] : [])),
        // A claim that somebody deleted is made again for the Pods that wait for it.
        keysFrom(claimInformer, (claim) => podInformer.byIndex('claim', keyOf(claim)).map(keyOf)),
      ],
      async reconcile(key) {
        const pod = podInformer.get(key);
        if (pod?.metadata.deletionTimestamp !== undefined || pod === undefined) return;
        for (const volume of pod.spec.volumes ?? []) await ensureClaim(pod, volume);
      },
      log,
      clock,
      queueMetrics,
      concurrency: 5,
    });
  },
};

function hasEphemeral({ spec }: Pod): boolean {
  return spec.volumes?.some(({ ephemeral }) => ephemeral !== undefined) === true;
}

function ownerOf({ metadata: { name, uid } }: Pod): NonNullable<Pod['metadata']['ownerReferences']>[number] {
  return { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
}

function isOwnedBy({ metadata }: PersistentVolumeClaim, pod: Pod): boolean {
  return (
    metadata.ownerReferences?.some(
      ({ uid, controller }) => uid === pod.metadata.uid && controller === true,
    ) === true
  );
}
