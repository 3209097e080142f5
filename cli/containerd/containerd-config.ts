/**
 * The configuration of Knarr's own containerd: the distribution's binary with every folder and socket of its own,
 * so that a Docker or containerd that is there already is not touched.
 */
import { pauseImage } from '../images/shipped-images.js';

export interface ContainerdConfig {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly runcRoot: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Folder with a hosts.toml per registry. */
  readonly registryConfigPath: string;
  readonly snapshotter: Snapshotter;
  /**
   * Without CAP_SYS_RESOURCE nobody may lower a process's OOM score, and runc would fail with "can't get final
   * child's PID": containerd then keeps the score within what it has itself.
   */
  readonly restrictOomScoreAdj: boolean;
}

/** overlayfs shares layers between containers; native copies them, where the file system cannot be overlaid. */
export type Snapshotter = 'overlayfs' | 'native';

/** The config.toml (version 2, understood by containerd 1.6 to 2.x). Pure. */
export function containerdConfig(config: ContainerdConfig): string {
  // A TOML basic string has the escapes of JSON.
  const text = (value: string): string => JSON.stringify(value);
  return `# Written by knarr up at each start: changes are lost.
version = 2
root = ${text(config.root)}
state = ${text(config.state)}
# Only what pods need; the other snapshotters probe the file system and slow the start down.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.opt",
]

[grpc]
  address = ${text(config.socket)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(pauseImage)}
  restrict_oom_score_adj = ${String(config.restrictOomScoreAdj)}
  # exec, attach and port-forward streams are for the kubelet on this machine alone.
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  # Network namespaces are mounted below the state folder, and go with it.
  netns_mounts_under_state_dir = true
  # Usage is asked for when somebody wants it; nothing is collected at rest.
  stats_collect_period = 60

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(config.cniBinDir)}
    conf_dir = ${text(config.cniConfDir)}
    max_conf_num = 1

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = ${text(config.registryConfigPath)}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = ${text(config.snapshotter)}
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = ${text(config.runcRoot)}
        SystemdCgroup = false
`;
}

/** The snapshotter that a config.toml of ours names. Pure. */
export function snapshotterOf(config: string): Snapshotter {
  return config.includes('snapshotter = "native"') ? 'native' : 'overlayfs';
}

/** The bit of CAP_SYS_RESOURCE in the effective set of /proc/self/status. Pure. */
export function hasSysResource(processStatus: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(processStatus)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}
