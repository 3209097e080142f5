/** The /etc/hosts of a Pod's containers. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';
import { ConfigurationError } from '../environment/resolve-environment.js';

const maxHostnameLength = 64;

/** The host name that a Pod's processes see: what the spec says, or the Pod's name, at most 63 characters. */
export function podHostname(pod: Pod): string {
  const { hostnameOverride } = pod.spec;
  if (hostnameOverride !== undefined && hostnameOverride !== '') return hostnameOverride;
  const wanted = pod.spec.hostname;
  const name = wanted === undefined || wanted === '' ? pod.metadata.name : wanted;
  return name.slice(0, 63).replace(/[-.]+$/, '');
}

/** `web.group.shop.svc.cluster.local`; undefined for a Pod without a subdomain. */
export function qualifiedHostname(pod: Pod, clusterDomain: string): string | undefined {
  const { subdomain, hostnameOverride } = pod.spec;
  if (subdomain === undefined || subdomain === '') return undefined;
  if (hostnameOverride !== undefined && hostnameOverride !== '') return undefined;
  return `${podHostname(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
}

/** What the kernel is told: with `setHostnameAsFQDN` the qualified name. Throws ConfigurationError when it is too long. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const hostname = podHostname(pod);
  const qualified = pod.spec.setHostnameAsFQDN === true ? qualifiedHostname(pod, clusterDomain) : undefined;
  if (qualified === undefined) return hostname;
  if (qualified.length > maxHostnameLength)
    throw new ConfigurationError(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${qualified} is too long ` +
        `(${maxHostnameLength} characters is the max, ${qualified.length} characters requested)`,
    );
  return qualified;
}

/** `hostFile` is the node's own file, for Pods in the node's network. */
export function hostsFile(pod: Pod, ips: readonly string[], clusterDomain: string, hostFile: string): string {
  const aliases = (pod.spec.hostAliases ?? []).map(
    ({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`,
  );
  const added = aliases.length === 0 ? '' : `\n# From the Pod's hostAliases.\n${aliases.join('')}`;
  if (pod.spec.hostNetwork === true)
    return `# Written by the kubelet, from the node's own file.\n${hostFile}${added}`;
  const hostname = podHostname(pod);
  const qualified = qualifiedHostname(pod, clusterDomain);
  const names = qualified === undefined ? hostname : `${qualified}\t${hostname}`;
  return (
    '# Written by the kubelet.\n' +
    '127.0.0.1\tlocalhost\n' +
    '::1\tlocalhost ip6-localhost ip6-loopback\n' +
    'fe00::0\tip6-localnet\n' +
    'fe00::0\tip6-mcastprefix\n' +
    'fe00::1\tip6-allnodes\n' +
    'fe00::2\tip6-allrouters\n' +
    ips.map((ip) => `${ip}\t${names}\n`).join('') +
    added
  );
}
