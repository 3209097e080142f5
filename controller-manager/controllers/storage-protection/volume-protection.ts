/** Keeps a PersistentVolume that is being deleted until no claim is bound to it any more. */
import { persistentVolumes } from '../../../api/resources.js';
import { volumeProtection } from '../../../api/volume-binding.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { updateFinalizer } from './update-finalizer.js';

export const volumeProtectionController: ControllerDefinition = {
  name: 'pv-protection',
  create({ client, informers, log, clock, queueMetrics }) {
    const informer = informers.informer(persistentVolumes);
    const resource = client.resource(persistentVolumes);
    return createController({
      name: 'pv-protection',
      sources: [keysFrom(informer)],
      async reconcile(name) {
        const volume = informer.get(name);
        if (volume === undefined) return;
        const isEnding = volume.metadata.deletionTimestamp !== undefined;
        if (!isEnding) await updateFinalizer(resource, volume, volumeProtection, true);
        else if (volume.status.phase !== 'Bound')
          await updateFinalizer(resource, volume, volumeProtection, false);
      },
      log,
      clock,
      queueMetrics,
    });
  },
};
