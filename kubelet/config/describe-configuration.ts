/** The tables of docs/kubelet-configuration.md, from the description of the keys. Pure. */
import { allKeys } from './kubelet-configuration.js';
import type { ConfigurationKey } from './kubelet-configuration.js';
import { nodeKeys } from './keys/node.js';
import { podKeys } from './keys/pods.js';
import { resourceKeys } from './keys/resources.js';
import { serverKeys } from './keys/server.js';
import { startupKeys } from './keys/startup.js';

const sections = {
  'The server': serverKeys,
  'The node': nodeKeys,
  'Pods, logs and images': podKeys,
  'Cgroups, reservations and eviction': resourceKeys,
  'The startup gate': startupKeys,
};

/** One table for each group of keys; a row: key, type, default, what it is for, what Knarr does. */
export function describeConfiguration(): string {
  return Object.entries(sections)
    .map(([title, keys]) => {
      const rows = allKeys(keys).map((key) => `| ${cells(key).map(escape).join(' | ')} |`);
      const head = ['| key, flag | type | default | | in Knarr |', '| --- | --- | --- | --- | --- |'];
      return [`## ${title}`, '', ...head, ...rows].join('\n');
    })
    .join('\n\n');
}

function cells({ path, field }: ConfigurationKey): string[] {
  const { flag, type, byDefault, about, support } = field;
  const key = `\`${path.join('.')}\``;
  return [
    flag === undefined ? key : `${key}, \`--${flag}\``,
    type,
    byDefault === undefined ? '' : `\`${JSON.stringify(byDefault)}\``,
    about,
    support.kind === 'acts'
      ? 'yes'
      : `${support.kind === 'refused' ? 'refused' : 'no effect'}: ${support.why}`,
  ];
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}
