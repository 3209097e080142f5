/** Volumes in real pods: a claim that waits for its pod, data that outlives it, sub-paths, memory, and files that follow. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TestCluster } from '../support/cluster.js';
import { until as untilSoon } from '../support/until.js';

const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
const { node } = await cluster.up();
const kubectl = await cluster.kubectl('v1.35');
const data = join(cluster.folder, 'disk');
mkdirSync(data);

const storage = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: by-hand }
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: disk }
spec:
  capacity: { storage: 1Gi }
  accessModes: [ReadWriteOncePod]
  storageClassName: by-hand
  local: { path: ${data} }
  nodeAffinity:
    required:
      nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [${node}] }] }]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec:
  accessModes: [ReadWriteOncePod]
  storageClassName: by-hand
  resources: { requests: { storage: 1Gi } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { color: red }
`;

function pod(name: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { tier: first } }
spec:
  terminationGracePeriodSeconds: 1
  securityContext: { runAsUser: 1000, fsGroup: 2000 }
  containers:
    - name: main
      image: localhost/knarr/web:1
      command: [/bin/sh, -c, exec tail -f /dev/null]
      env: [{ name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
      volumeMounts:
        - { name: data, mountPath: /data }
        - { name: data, mountPath: /own, subPathExpr: pods/$(POD) }
        - { name: memory, mountPath: /memory }
        - { name: settings, mountPath: /settings }
        - { name: about, mountPath: /about }
        - { name: settings, mountPath: /color, subPath: color }
  volumes:
    - { name: data, persistentVolumeClaim: { claimName: data } }
    - { name: memory, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
    - { name: settings, configMap: { name: settings } }
    - { name: about, downwardAPI: { items: [{ path: labels, fieldRef: { fieldPath: metadata.labels } }] } }
`;
}

async function phaseOf(kind: string, name: string): Promise<string> {
  return kubectl.run(['get', kind, name, '-o', 'jsonpath={.status.phase}']);
}

/** Generous: the machine may be busy. */
function until(what: string, look: () => Promise<true | undefined>): Promise<true> {
  return untilSoon(what, look, 60_000);
}

const inPod = (name: string, script: string): Promise<string> =>
  kubectl.run(['exec', name, '--', 'sh', '-c', script]);

await t.test('a claim waits for its first pod, which may write as its group', async (t) => {
  await kubectl.run(['apply', '-f', '-'], { input: storage });
  await until('the volume is free', async () =>
    (await phaseOf('persistentvolume', 'disk')) === 'Available' ? true : undefined,
  );
  t.equal(await phaseOf('persistentvolumeclaim', 'data'), 'Pending');
  await kubectl.run(['apply', '-f', '-'], { input: pod('first') });
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/first', '--timeout=60s']);
  t.equal(await phaseOf('persistentvolumeclaim', 'data'), 'Bound');
  await inPod('first', 'echo one > /data/file; echo mine > /own/file; echo x > /memory/file');
  t.equal(readFileSync(join(data, 'file'), 'utf8'), 'one\n');
  t.equal(readFileSync(join(data, 'pods/first/file'), 'utf8'), 'mine\n');
  t.match(await inPod('first', 'grep " /memory " /proc/mounts'), /tmpfs .*size=1024k/);
  t.match(await inPod('first', '(echo x > /settings/color) 2>&1; cat /color'), /Read-only file system\s+red/);
});

await t.test('files follow their objects, but for a sub-path', async (t) => {
  await kubectl.run(['patch', 'configmap', 'settings', '-p', '{"data":{"color":"blue"}}']);
  await kubectl.run(['label', 'pod', 'first', '--overwrite', 'tier=second']);
  await until('the pod sees the change', async () => {
    const seen = await inPod('first', 'cat /settings/color /about/labels');
    return /blue/.test(seen) && /tier="second"/.test(seen) ? true : undefined;
  });
  t.equal((await inPod('first', 'cat /color')).trim(), 'red');
});

await t.test('one pod alone; the next one finds the data', async (t) => {
  await kubectl.run(['apply', '-f', '-'], { input: pod('second') });
  await until('it is told why it waits', async () => {
    const events = await kubectl.run(['get', 'events', '--field-selector=involvedObject.name=second']);
    return /ReadWriteOncePod access mode/.test(events) ? true : undefined;
  });
  await kubectl.run(['delete', 'pod', 'first']);
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/second', '--timeout=60s']);
  t.equal((await inPod('second', 'cat /data/file')).trim(), 'one');
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /volume-subpaths\/[^ ]*first/);
});

await t.test('a claim in use stays; then its volume keeps the data', async (t) => {
  await kubectl.run(['delete', 'persistentvolumeclaim', 'data', '--wait=false']);
  t.match(await kubectl.run(['get', 'persistentvolumeclaim', 'data', '-o', 'yaml']), /deletionTimestamp/);
  await kubectl.run(['delete', 'pod', 'second']);
  await until('the volume is released', async () =>
    (await phaseOf('persistentvolume', 'disk')) === 'Released' ? true : undefined,
  );
  t.ok(existsSync(join(data, 'file')));
  writeFileSync(join(data, 'file'), 'still here');
});
