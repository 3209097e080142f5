/** Which kernel settings a Pod may change: those that are its own and harm nobody, and those that the node allows. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';

/** Namespaced, and isolated from other Pods and the node. */
const safeSysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
];

/** What of the node a setting belongs to: it cannot be a Pod's own while the Pod shares that with the node. */
function namespaceOf(name: string): 'ipc' | 'network' | undefined {
  if (name.startsWith('net.')) return 'network';
  const isIpc = /^(?:kernel\.(?:shm|msg|sem)|fs\.mqueue\.)/.test(name);
  return isIpc ? 'ipc' : undefined;
}

/** Undefined when all settings of the Pod are allowed. `allowed` may end in `*`. */
export function forbiddenSysctl(pod: Pod, allowed: readonly string[]): string | undefined {
  const { securityContext, hostNetwork, hostIPC } = pod.spec;
  for (const { name: given } of securityContext?.sysctls ?? []) {
    const name = given.replaceAll('/', '.');
    const isAllowed = [...safeSysctls, ...allowed].some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
    if (!isAllowed) return `forbidden sysctl: "${given}" not allowlisted`;
    const namespace = namespaceOf(name);
    if (namespace === 'network' && hostNetwork === true)
      return `forbidden sysctl: "${given}" not allowed with host net enabled`;
    if (namespace === 'ipc' && hostIPC === true)
      return `forbidden sysctl: "${given}" not allowed with host ipc enabled`;
  }
  return undefined;
}
