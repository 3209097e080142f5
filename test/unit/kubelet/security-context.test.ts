import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Pod, PodSecurityContext, PodSpec, SecurityContext } from '../../../api/generated/core-v1.js';
import { generateContainerConfig } from '../../../kubelet/containers/generate-config.js';
import {
  containerSecurityContext,
  sandboxSecurityContext,
} from '../../../kubelet/containers/security-context.js';
import { defaultResourcePolicy } from '../../../kubelet/containers/resources.js';
import { UserNamespaces } from '../../../kubelet/containers/user-namespaces.js';
import type { ContainerSecurityContext } from '../../../kubelet/cri/runtime.js';
import { PodFolders } from '../../../kubelet/volumes/pod-folders.js';

const node = { seccompFolder: '/node/seccomp', seccompDefault: false };
const rootImage = { username: '' };

function podWith(securityContext: PodSecurityContext | undefined, spec: Partial<PodSpec> = {}): Pod {
  const metadata = { name: 'p', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const container = { name: 'main', image: 'app:1' };
  const security = securityContext === undefined ? {} : { securityContext };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [container], ...security, ...spec },
    status: {},
  };
}

function contextOf(
  own: SecurityContext | undefined,
  ofPod?: PodSecurityContext,
  more: {
    readonly image?: { readonly username: string; readonly uid?: number };
    readonly seccompDefault?: boolean;
  } = {},
): ContainerSecurityContext {
  return containerSecurityContext({
    pod: podWith(ofPod),
    container: { name: 'main', ...(own === undefined ? {} : { securityContext: own }) },
    image: more.image ?? rootImage,
    node: { ...node, seccompDefault: more.seccompDefault ?? false },
    userNamespace: undefined,
  });
}

void t.test('user and group: the container over the pod over the image', async (t) => {
  const table = [
    { own: undefined, pod: undefined, image: rootImage, wanted: { runAsUser: { value: 0 } } },
    { own: undefined, pod: undefined, image: { username: 'www' }, wanted: { runAsUsername: 'www' } },
    {
      own: undefined,
      pod: undefined,
      image: { username: '', uid: 33 },
      wanted: { runAsUser: { value: 33 } },
    },
    {
      own: undefined,
      pod: { runAsUser: 5 },
      image: { username: 'www' },
      wanted: { runAsUser: { value: 5 } },
    },
    { own: { runAsUser: 7 }, pod: { runAsUser: 5 }, image: rootImage, wanted: { runAsUser: { value: 7 } } },
    {
      own: undefined,
      pod: { runAsGroup: 8 },
      image: rootImage,
      wanted: { runAsUser: { value: 0 }, runAsGroup: { value: 8 } },
    },
  ];
  for (const { own, pod, image, wanted } of table) {
    const { runAsUser, runAsGroup, runAsUsername } = contextOf(own, pod, { image });
    t.strictSame(JSON.parse(JSON.stringify({ runAsUser, runAsUsername, runAsGroup })), wanted);
  }
});

void t.test('runAsNonRoot refuses what would run as root, in the words of Kubernetes', async (t) => {
  const where = '(pod: "p_shop(u)", container: main)';
  const table = [
    {
      own: { runAsNonRoot: true },
      image: rootImage,
      error: ` has runAsNonRoot and image will run as root ${where}`,
    },
    {
      own: { runAsNonRoot: true },
      image: { username: '', uid: 0 },
      error: ` has runAsNonRoot and image will run as root ${where}`,
    },
    {
      own: { runAsNonRoot: true, runAsUser: 0 },
      image: rootImage,
      error: `'s runAsUser breaks non-root policy ${where}`,
    },
    {
      own: { runAsNonRoot: true },
      image: { username: 'www' },
      error: ` has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${where}`,
    },
    { own: { runAsNonRoot: true }, image: { username: '', uid: 33 }, error: undefined },
    { own: { runAsNonRoot: true, runAsUser: 1 }, image: rootImage, error: undefined },
    { own: { runAsNonRoot: false }, image: rootImage, error: undefined },
  ];
  for (const { own, image, error } of table) {
    if (error === undefined) t.doesNotThrow(() => contextOf(own, undefined, { image }));
    else
      t.throws(() => contextOf(own, undefined, { image }), {
        name: 'ConfigurationError',
        message: `container${error}`,
      });
  }
  t.throws(() => contextOf(undefined, { runAsNonRoot: true }), { name: 'ConfigurationError' });
  t.doesNotThrow(() => contextOf({ runAsNonRoot: false }, { runAsNonRoot: true }));
});

void t.test('seccomp, AppArmor and SELinux', async (t) => {
  const seccomp = (own?: SecurityContext, pod?: PodSecurityContext, seccompDefault = false) =>
    contextOf(own, pod, { seccompDefault }).seccomp;
  t.strictSame(seccomp(), { profileType: 'Unconfined' });
  t.strictSame(seccomp(undefined, undefined, true), { profileType: 'RuntimeDefault' });
  t.strictSame(seccomp({ seccompProfile: { type: 'Unconfined' } }, undefined, true), {
    profileType: 'Unconfined',
  });
  t.strictSame(seccomp({ privileged: true }, undefined, true), { profileType: 'Unconfined' });
  t.strictSame(seccomp(undefined, { seccompProfile: { type: 'RuntimeDefault' } }), {
    profileType: 'RuntimeDefault',
  });
  const local = { seccompProfile: { type: 'Localhost', localhostProfile: 'audit/a.json' } } as const;
  t.strictSame(seccomp(local), { profileType: 'Localhost', localhostRef: '/node/seccomp/audit/a.json' });
  t.throws(() => seccomp({ seccompProfile: { type: 'Localhost' } }), {
    message: 'localhostProfile must be set if seccompProfile type is Localhost.',
  });
  t.equal(contextOf(undefined).apparmor, undefined);
  const armor = { appArmorProfile: { type: 'Localhost', localhostProfile: 'k8s-nginx' } } as const;
  t.strictSame(contextOf(undefined, armor).apparmor, { profileType: 'Localhost', localhostRef: 'k8s-nginx' });
  t.strictSame(contextOf({ appArmorProfile: { type: 'Unconfined' } }, armor).apparmor, {
    profileType: 'Unconfined',
  });
  const level = { seLinuxOptions: { level: 's0:c1,c2' } };
  const label = { user: '', role: '', type: '', level: 's0:c1,c2' };
  t.strictSame(contextOf(undefined, level).selinuxOptions, label);
  t.strictSame(sandboxSecurityContext(podWith(level), undefined).selinuxOptions, label);
});

void t.test('rights, paths and groups', async (t) => {
  const plain = contextOf(undefined);
  t.match(plain, { privileged: false, noNewPrivs: false, readonlyRootfs: false, supplementalGroups: [] });
  t.ok(plain.maskedPaths.includes('/proc/kcore'));
  t.ok(plain.readonlyPaths.includes('/proc/sys'));
  t.equal(plain.capabilities, undefined);
  t.match(contextOf({ privileged: true }), { privileged: true, maskedPaths: [], readonlyPaths: [] });
  t.match(contextOf({ procMount: 'Unmasked' }), { maskedPaths: [], readonlyPaths: [] });
  t.match(
    contextOf({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    }),
    {
      noNewPrivs: true,
      readonlyRootfs: true,
      capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] },
    },
  );
  const groups: PodSecurityContext = {
    supplementalGroups: [4, 5],
    fsGroup: 9,
    supplementalGroupsPolicy: 'Strict',
  };
  const wanted = { supplementalGroups: [4, 5, 9], supplementalGroupsPolicy: 'Strict' };
  t.match(contextOf(undefined, groups), wanted);
  t.match(sandboxSecurityContext(podWith(groups), undefined), wanted);
});

void t.test('a user namespace: one range for sandbox, container and the owners of files', async (t) => {
  const range = { firstId: 131_072, length: 65_536 };
  const mapping = [{ hostId: 131_072, containerId: 0, length: 65_536 }];
  const pod = podWith(undefined, { hostUsers: false });
  const config = generateContainerConfig({
    pod,
    container: { name: 'main' },
    restartCount: 0,
    image: { id: 'i', repoTags: [], repoDigests: [], sizeBytes: 1, username: '' },
    environment: new Map(),
    volumes: { mounts: [], devices: [] },
    hostsFile: '/node/hosts',
    terminationMessageFile: '/node/message',
    resources: {
      ...defaultResourcePolicy,
      singleProcessOomKill: false,
      cgroupVersion: 2,
      memoryBytes: 1000,
    },
    security: node,
    userNamespace: range,
  });
  const users = { mode: 'POD', uids: mapping, gids: mapping };
  t.strictSame(config.linux.securityContext.namespaceOptions.usernsOptions, users);
  t.strictSame(sandboxSecurityContext(pod, range).namespaceOptions.usernsOptions, users);
  for (const mount of config.mounts) t.match(mount, { uidMappings: mapping, gidMappings: mapping });
});

void t.test('ranges of users are never shared, and survive a restart', async (t) => {
  const rootDir = mkdtempSync(join(tmpdir(), 'knarr-userns-'));
  t.teardown(() => {
    rmSync(rootDir, { recursive: true });
  });
  const folders = new PodFolders({ rootDir, podLogsDir: rootDir });
  const first = new UserNamespaces(folders, 2);
  const [a, b] = await Promise.all([first.rangeOf('a'), first.rangeOf('b')]);
  t.strictSame(a, { firstId: 65_536, length: 65_536 });
  t.strictSame(b, { firstId: 131_072, length: 65_536 });
  const second = new UserNamespaces(folders, 2);
  t.strictSame(await second.rangeOf('b'), b);
  await t.rejects(second.rangeOf('c'), /could not find an empty slot/);
  rmSync(folders.pod('a'), { recursive: true });
  t.strictSame(await second.rangeOf('c'), a);
});
