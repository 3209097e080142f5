/** What claims and PersistentVolumes get at their creation. */
import t from 'tap';
import type { KubernetesObject } from '../../../api/objects.js';
import { persistentVolumeClaims, persistentVolumes } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import type { AdmissionPlugin } from '../../../apiserver/admission/admission.js';
import { addDefaultStorageClass } from '../../../apiserver/admission/default-storage-class.js';
import { storageObjectInUseProtection } from '../../../apiserver/admission/storage-object-in-use-protection.js';
import { makeClaim, makeClass, makeVolume } from '../../support/storage-objects.js';

async function admitted(
  plugin: AdmissionPlugin,
  of: unknown,
  object: KubernetesObject,
  operation = 'CREATE',
) {
  await plugin.admit?.({
    operation: operation as 'CREATE',
    definition: of as ResourceDefinition,
    namespace: 'default',
    name: object.metadata.name,
    subresource: '',
    user: { name: 'somebody', groups: [] },
    dryRun: false,
    object,
  });
  return object;
}

void t.test('the finalizers that protect what is in use', async (t) => {
  const protect = storageObjectInUseProtection;
  t.match(await admitted(protect, persistentVolumeClaims, makeClaim('c')), {
    metadata: { finalizers: ['kubernetes.io/pvc-protection'] },
  });
  const volume = await admitted(protect, persistentVolumes, makeVolume('v'));
  t.strictSame(volume.metadata.finalizers, ['kubernetes.io/pv-protection']);
  await admitted(protect, persistentVolumes, volume);
  t.equal(volume.metadata.finalizers?.length, 1, 'once');
  const updated = await admitted(protect, persistentVolumes, makeVolume('v'), 'UPDATE');
  t.equal(updated.metadata.finalizers, undefined, 'who takes it away may do so');
});

void t.test('the default class', async (t) => {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const fast = makeClass('fast');
  const marked = { ...fast, metadata: { ...fast.metadata, annotations } };
  const classOf = async (
    classes: (typeof fast)[],
    storageClassName: string | undefined,
    operation?: string,
  ) => {
    const claim = makeClaim('c');
    if (storageClassName === undefined) delete claim.spec.storageClassName;
    else claim.spec.storageClassName = storageClassName;
    const plugin = addDefaultStorageClass(async () => Promise.resolve(classes));
    await admitted(plugin, persistentVolumeClaims, claim, operation);
    return claim.spec.storageClassName;
  };
  t.equal(await classOf([marked], undefined), 'fast');
  t.equal(await classOf([fast], undefined), undefined, 'there is no default');
  t.equal(await classOf([marked], ''), '', 'none was asked for');
  t.equal(await classOf([marked], 'slow'), 'slow');
  t.equal(await classOf([marked], undefined, 'UPDATE'), undefined);
});
