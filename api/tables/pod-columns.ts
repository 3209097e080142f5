/** The columns of `kubectl get pods`. */
import type { Pod } from '../generated/core-v1.js';
import type { TableRowCondition } from '../generated/meta-v1.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, none, orNone } from './column.js';
import { humanAge } from './human-duration.js';
import { summarizePod } from './pod-summary.js';

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  {
    name: 'Ready',
    type: 'string',
    description: 'Containers that are ready, of all that are to run side by side',
    cell: (pod) => {
      const { readyContainers, totalContainers } = summarizePod(pod);
      return `${String(readyContainers)}/${String(totalContainers)}`;
    },
  },
  {
    name: 'Status',
    type: 'string',
    description: 'Phase of the pod, or the reason why a container does not run',
    cell: (pod) => summarizePod(pod).status,
  },
  {
    name: 'Restarts',
    type: 'string',
    description: 'How often containers were restarted, and how long ago the last one was',
    cell: (pod, nowMs) => {
      const { restarts, lastRestart } = summarizePod(pod);
      if (restarts === 0 || lastRestart === undefined) return String(restarts);
      return `${String(restarts)} (${humanAge(lastRestart, nowMs)} ago)`;
    },
  },
  ageColumn,
  {
    name: 'IP',
    type: 'string',
    description: 'First address of the pod',
    priority: 1,
    cell: ({ status }) => orNone(status.podIPs?.[0]?.ip ?? status.podIP),
  },
  {
    name: 'Node',
    type: 'string',
    description: 'Node that the pod is bound to',
    priority: 1,
    cell: ({ spec }) => orNone(spec.nodeName),
  },
  {
    name: 'Nominated Node',
    type: 'string',
    description: 'Node on which room is being made for the pod',
    priority: 1,
    cell: ({ status }) => orNone(status.nominatedNodeName),
  },
  {
    name: 'Readiness Gates',
    type: 'string',
    description: 'Additional conditions of readiness that are true, of all',
    priority: 1,
    cell: ({ spec, status }) => {
      const gates = spec.readinessGates ?? [];
      if (gates.length === 0) return none;
      const open = gates.filter(({ conditionType }) =>
        status.conditions?.some((one) => one.type === conditionType && one.status === 'True'),
      );
      return `${String(open.length)}/${String(gates.length)}`;
    },
  },
];

/** Marks rows of Pods that have ended, so that clients may tone them down. */
export function podRowConditions({ status }: Pod): TableRowCondition[] | undefined {
  if (status.phase !== 'Succeeded' && status.phase !== 'Failed') return undefined;
  const message = status.phase === 'Succeeded' ? 'All containers ended well.' : 'A container ended badly.';
  return [{ type: 'Completed', status: 'True', reason: status.phase, message }];
}
