/**
 * Makes or removes the volumes of a Pod and is killed on the way, or says how many steps it took:
 * `node kubelet-volumes-victim.js FOLDER make|remove STEP IS_BEFORE`.
 */
import { KillSwitch } from '../support/killed-at.js';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import { PodVolumes } from '../support/pod-volumes.js';

const [, , root = '', way, step, isBefore] = process.argv;
const kill = new KillSwitch(Number(step), isBefore === 'true');
const volumes = new PodVolumes(kill.wrap(systemMounter), root);
if (way === 'remove' && Number(step) === 0) {
  await volumes.make();
  kill.steps = 0;
}
if (way === 'make') await volumes.make();
else await volumes.remove();
process.stdout.write(String(kill.steps));
if (Number(step) === 0) {
  await volumes.remove();
  volumes.forget();
}
