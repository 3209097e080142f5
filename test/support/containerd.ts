/**
 * A containerd of the test's own: root, state, socket, network and images below one temporary folder.
 *
 * To be used inside of the test's own network and mount namespaces (see netns.ts), so that nothing of the machine is
 * touched but the cgroups below `cgroupRoot`, which are removed at the end.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { containerdConfig, hasSysResource } from '../../cli/containerd/containerd-config.js';
import { ensureShippedImages } from '../../cli/images/containerd-images.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';

/** Debian's programs, unless the environment names a folder with others: how newer runtimes are tried by hand. */
const programs = process.env['KNARR_TEST_CONTAINERD'];
if (programs !== undefined) process.env['PATH'] = `${programs}:${process.env['PATH'] ?? ''}`;

export interface TestContainerd {
  readonly folder: string;
  readonly endpoint: string;
  readonly cniConfDir: string;
  readonly cgroupRoot: string;
  /** Kills containerd alone, as a crash does; shims and containers stay. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Ends every container, containerd itself, and removes all that it left. */
  stop(): Promise<void>;
}

/** Why there can be no containerd here; undefined when there can. */
export function missingForContainerd(): string | undefined {
  if (process.getuid?.() !== 0) return 'containers need root';
  for (const tool of ['containerd', 'ctr', 'runc', 'ip', 'nsenter'])
    if (spawnSync('which', [tool]).status !== 0) return `${tool} is not installed`;
  if (!existsSync('/bin/busybox')) return 'busybox-static is not installed';
  return undefined;
}

/** A second way to run containers, for a RuntimeClass to name: the same program with other files. */
export const otherHandler = 'other';

function otherHandlerConfig(root: string): string {
  const runtime = `plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${otherHandler}`;
  return `
[${runtime}]
  runtime_type = "io.containerd.runc.v2"
  [${runtime}.options]
    Root = ${JSON.stringify(join(root, otherHandler))}
`;
}

/** A CNI plugin in a few lines of shell: a veth pair and an address, or `lo` when it is called `loopback`. */
const cniPlugin = `#!/bin/sh
set -e
config=$(cat)
name=$(basename "$0")
[ "$CNI_COMMAND" = VERSION ] && { echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'; exit; }
if [ "$name" = loopback ]; then
  [ "$CNI_COMMAND" = ADD ] && nsenter --net="$CNI_NETNS" ip link set lo up
  echo '{"cniVersion":"1.0.0","interfaces":[{"name":"lo","sandbox":"'"$CNI_NETNS"'"}],"ips":[]}'
  exit
fi
veth=v$(echo "$CNI_CONTAINERID" | cut -c1-12)
if [ "$CNI_COMMAND" = DEL ]; then
  ip link del "$veth" 2>/dev/null || true
  exit
fi
[ "$CNI_COMMAND" = ADD ] || exit 0
counter=$(dirname "$0")/counter
number=$(flock "$counter" sh -c 'n=$(cat "$0"); echo $((n + 1)) > "$0"; echo $n' "$counter")
address=10.244.0.$number
ip link add "$veth" type veth peer name eth0 netns "$CNI_NETNS"
ip link set "$veth" master knarrtest up
nsenter --net="$CNI_NETNS" sh -c "ip addr add $address/24 dev eth0; ip link set eth0 up; ip route add default via 10.244.0.1"
echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'"$CNI_NETNS"'"}],"ips":[{"address":"'$address'/24","interface":0}]}'
`;

/** Starts containerd and loads the shipped images. `network` false leaves it without a CNI configuration. */
export async function startContainerd(options: { readonly network?: boolean } = {}): Promise<TestContainerd> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-containerd-'));
  // Root in a pod with users of its own is nobody here, and must get to its files.
  chmodSync(folder, 0o711);
  const socket = join(folder, 'containerd.sock');
  const paths = {
    root: join(folder, 'root'),
    state: join(folder, 'state'),
    runcRoot: join(folder, 'runc'),
    cniBinDir: join(folder, 'cni-bin'),
    cniConfDir: join(folder, 'cni-conf'),
    registryConfigPath: join(folder, 'certs.d'),
  };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  setUpNetwork(paths.cniBinDir, options.network === false ? undefined : paths.cniConfDir);
  const config = containerdConfig({
    ...paths,
    socket,
    snapshotter: 'overlayfs',
    restrictOomScoreAdj: !hasSysResource(readFileSync('/proc/self/status', 'utf8')),
  });
  writeFileSync(join(folder, 'config.toml'), config + otherHandlerConfig(paths.runcRoot));
  const cgroupRoot = `/knarr-test-${String(process.pid)}`;
  let running: ReturnType<typeof spawn> | undefined;
  const endpoint = `unix://${socket}`;
  const start = async (): Promise<void> => {
    const log = openSync(join(folder, 'containerd.log'), 'a');
    running = spawn('containerd', ['--config', join(folder, 'config.toml')], { stdio: ['ignore', log, log] });
    await untilServing(endpoint, folder);
  };
  const crash = async (): Promise<void> => {
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  await start();
  await ensureShippedImages(socket, 'overlayfs', '/bin/busybox');
  return {
    folder,
    endpoint,
    cniConfDir: paths.cniConfDir,
    cgroupRoot,
    start,
    crash,
    stop: async () => {
      await removeEverything(endpoint);
      await crash();
      endShims(paths.state, socket);
      unmountBelow(folder);
      rmSync(folder, { recursive: true, force: true });
      removeCgroups(cgroupRoot);
    },
  };
}

function setUpNetwork(binDir: string, confDir: string | undefined): void {
  for (const name of ['loopback', 'test-veth', 'bridge'])
    writeFileSync(join(binDir, name), cniPlugin, { mode: 0o755 });
  writeFileSync(join(binDir, 'counter'), '2');
  if (spawnSync('ip', ['link', 'show', 'knarrtest']).status !== 0) {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    execFileSync('ip', ['link', 'add', 'knarrtest', 'type', 'bridge']);
    execFileSync('ip', ['addr', 'add', '10.244.0.1/24', 'dev', 'knarrtest']);
    execFileSync('ip', ['link', 'set', 'knarrtest', 'up']);
  }
  if (confDir === undefined) return;
  const conflist = { cniVersion: '1.0.0', name: 'test', plugins: [{ type: 'test-veth' }] };
  writeFileSync(join(confDir, '10-test.conflist'), JSON.stringify(conflist));
}

/** The host's ends of the links of pods in this network namespace (`/sys` may show those of another one). */
export function podLinks(): readonly string[] {
  const links = execFileSync('ip', ['-o', 'link', 'show', 'master', 'knarrtest'], { encoding: 'utf8' });
  return links.split('\n').filter((line) => line !== '');
}

async function untilServing(endpoint: string, folder: string): Promise<void> {
  const runtime = new GrpcRuntime(endpoint);
  try {
    const deadline = Date.now() + 20_000;
    for (;;) {
      try {
        await runtime.version();
        return;
      } catch (error) {
        if (Date.now() > deadline)
          throw new Error(`containerd did not come up, see ${folder}/containerd.log`, { cause: error });
      }
      await delay(20);
    }
  } finally {
    runtime.close();
  }
}

async function removeEverything(endpoint: string): Promise<void> {
  const runtime = new GrpcRuntime(endpoint);
  try {
    for (const { id } of await runtime.listPodSandboxes()) {
      await runtime.stopPodSandbox(id);
      await runtime.removePodSandbox(id);
    }
  } finally {
    runtime.close();
  }
}

/** Shims outlive containerd by design; those that serve this socket are ours. */
function endShims(state: string, socket: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let command = '';
    try {
      command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      // It has ended since the folder was read.
      continue;
    }
    if (command.includes('containerd-shim') && (command.includes(socket) || command.includes(state)))
      process.kill(Number(pid), 'SIGKILL');
  }
}

function unmountBelow(folder: string): void {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.sort((a, b) => b.length - a.length)) spawnSync('umount', ['-l', point]);
}

function removeCgroups(root: string): void {
  const removeTree = (folder: string): void => {
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) removeTree(join(folder, entry.name));
    rmdirSync(folder);
  };
  removeTree(join('/sys/fs/cgroup', root));
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) removeTree(join('/sys/fs/cgroup', hierarchy, root));
}
