/** The /etc/hosts of a Pod's containers. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';

/** The host name that a Pod's processes see: what the spec says, or the Pod's name, at most 63 characters. */
export function podHostname(pod: Pod): string {
  const wanted = pod.spec.hostnameOverride ?? pod.spec.hostname;
  const name = wanted === undefined || wanted === '' ? pod.metadata.name : wanted;
  return name.slice(0, 63).replace(/[-.]+$/, '');
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
  const { subdomain } = pod.spec;
  const qualified =
    subdomain === undefined || subdomain === ''
      ? ''
      : `${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}\t`;
  return (
    '# Written by the kubelet.\n' +
    '127.0.0.1\tlocalhost\n' +
    '::1\tlocalhost ip6-localhost ip6-loopback\n' +
    'fe00::0\tip6-localnet\n' +
    'fe00::0\tip6-mcastprefix\n' +
    'fe00::1\tip6-allnodes\n' +
    'fe00::2\tip6-allrouters\n' +
    ips.map((ip) => `${ip}\t${qualified}${hostname}\n`).join('') +
    added
  );
}
