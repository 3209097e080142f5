/** Tries what pods need of the kernel in namespaces that vanish with the try: nothing of it stays. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tryCommand } from '../../common/run-command.js';
import { fail, ok, warn } from './check.js';
import type { CheckResult } from './check.js';

const bridgeScript = `
ip link add knarr-a type bridge
ip link add knarr-b type veth peer name knarr-c
ip link set knarr-b master knarr-a
`;

const natRules = `
table ip knarr-check {
  map choice { type mark : ipv4_addr . inet_service; elements = { 0 : 192.0.2.1 . 80 }; }
  chain nat-pre { type nat hook prerouting priority dstnat; policy accept;
    ip protocol tcp dnat ip to numgen random mod 1 map { 0 : 192.0.2.1 . 80 }
  }
  chain nat-post { type nat hook postrouting priority srcnat; policy accept;
    ct mark 0x1 masquerade
  }
  chain forward { type filter hook forward priority filter; policy accept;
    fib daddr type local reject
  }
}
`;

/** Runs the tries side by side. Needs root, iproute2 and nftables. */
export async function checkKernel(dataDir: string): Promise<CheckResult[]> {
  return Promise.all([checkBridge(), checkNat(), checkOverlay(dataDir)]);
}

async function checkBridge(): Promise<CheckResult> {
  const result = await tryCommand('unshare', ['--net', 'sh', '-ec', bridgeScript]);
  return result.exitCode === 0
    ? ok('pod network', 'network namespaces, bridge and veth work')
    : fail(
        'pod network',
        `the kernel makes no bridge or veth: ${lastLine(result.stderr)}`,
        'load the modules bridge and veth (modprobe bridge veth), or use a kernel that has them',
      );
}

async function checkNat(): Promise<CheckResult> {
  const result = await tryCommand('unshare', ['--net', 'nft', '--file', '-'], { input: natRules });
  return result.exitCode === 0
    ? ok('service network', 'nftables with network address translation works')
    : fail(
        'service network',
        `the kernel takes no nftables NAT rules: ${lastLine(result.stderr)}`,
        'load the modules nf_tables, nft_chain_nat and nft_fib_ipv4, or use a kernel that has them',
      );
}

async function checkOverlay(dataDir: string): Promise<CheckResult> {
  let parent = dataDir;
  while (!existsSync(parent)) parent = dirname(parent);
  const folder = await mkdtemp(join(parent, '.knarr-check-'));
  try {
    // The mount lives in a mount namespace of its own and ends with it.
    const script = 'cd "$0"; mkdir l u w m; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m';
    const result = await tryCommand('unshare', ['--mount', 'sh', '-ec', script, folder]);
    return result.exitCode === 0
      ? ok('overlayfs', `works in ${parent}`)
      : warn(
          'overlayfs',
          `does not work in ${parent}, so that each container gets a full copy of its image`,
          'put --data-dir on ext4 or xfs, or load the module overlay (modprobe overlay)',
        );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
