/** /debug/api_priority_and_fairness/: what the levels do right now, in the columns that Kubernetes documents. */
import type { Clock } from '../../common/clock.js';
import type { RequestAttributes } from '../filters/authorization.js';
import type { RequestFlow } from './flow-controller.js';
import type { PriorityLevel } from './priority-level.js';

export interface DumpQuestion {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly levels: Iterable<PriorityLevel>;
  readonly clock: Clock;
}

type Page = (levels: readonly PriorityLevel[], question: DumpQuestion) => readonly (readonly unknown[])[];

const base = '/debug/api_priority_and_fairness/';

/** Kubernetes' word for what tells the flows of a schema apart is spelled so there. */
const requestColumns = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
];
const detailColumns = [
  'UserName',
  'Verb',
  'APIPath',
  'Namespace',
  'Name',
  'APIVersion',
  'Resource',
  'SubResource',
];
const notStarted = '0001-01-01T00:00:00Z';
/** How long a request is thought to take before it has ended, in seconds. */
const guessedSeconds = 0.003;

const pages: Readonly<Record<string, Page>> = {
  dump_priority_levels: (levels) => [
    [
      'PriorityLevelName',
      'ActiveQueues',
      'IsIdle',
      'IsQuiescing',
      'WaitingRequests',
      'ExecutingRequests',
      'DispatchedRequests',
      'RejectedRequests',
      'TimedoutRequests',
      'CancelledRequests',
    ],
    ...levels.map(({ name, queues, outcomes }) => [
      name,
      queues.describeQueues().filter(({ waiting }) => waiting > 0).length,
      queues.waiting + queues.running === 0,
      // A level that is taken away gets no more requests and is not listed.
      false,
      queues.waiting,
      queues.running,
      outcomes.dispatched,
      outcomes.rejected,
      outcomes['time-out'],
      outcomes.cancelled,
    ]),
  ],
  dump_queues: (levels) => [
    [
      'PriorityLevelName',
      'Index',
      'PendingRequests',
      'ExecutingRequests',
      'SeatsInUse',
      'NextDispatchR',
      'InitialSeatsSum',
      'MaxSeatsSum',
      'TotalWorkSum',
    ],
    ...levels.flatMap(({ name, exempt, queues }) =>
      exempt
        ? []
        : queues
            .describeQueues()
            .map((queue) => [
              name,
              queue.index,
              queue.waiting,
              queue.running,
              queue.runningSeats,
              seatSeconds(queue.virtualStart / 1000),
              queue.waitingSeats,
              queue.waitingSeats,
              seatSeconds(queue.waitingSeats * guessedSeconds),
            ]),
    ),
  ],
  dump_requests: (levels, { query, clock }) => {
    const detailed = query.get('includeRequestDetails') === '1';
    const sinceEpochMs = clock.now() - clock.monotonicMs();
    const time = (monotonicMs: number): string => new Date(sinceEpochMs + monotonicMs).toISOString();
    const rows = levels.flatMap(({ name, exempt, queues }) =>
      queues.describeTickets().map((ticket) => {
        const { schema, distinguisher } = ticket.flow as RequestFlow;
        return [
          name,
          schema.name,
          exempt ? -1 : ticket.queueIndex,
          ticket.indexInQueue,
          distinguisher,
          time(ticket.arrivedMs),
          ticket.seats,
          // Work after the answer and the time for it: what a write causes at watchers is not estimated.
          0,
          '0s',
          ticket.startedMs === undefined ? notStarted : time(ticket.startedMs),
          ...(detailed ? detailsOf(ticket.about as RequestAttributes | undefined) : []),
        ];
      }),
    );
    return [[...requestColumns, ...(detailed ? detailColumns : [])], ...rows];
  },
};

/** The page of this path; undefined when there is none. */
export function dumpFlowControl(question: DumpQuestion): string | undefined {
  const name = question.path.startsWith(base) ? question.path.slice(base.length) : '';
  const page = Object.hasOwn(pages, name) ? pages[name] : undefined;
  if (page === undefined) return undefined;
  const levels = [...question.levels].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return aligned(page(levels, question).map((row) => row.map(String)));
}

function detailsOf(request: RequestAttributes | undefined): readonly string[] {
  if (request === undefined) return detailColumns.map(() => '');
  const { user, verb, path, resource } = request;
  const version = resource === undefined ? '' : resource.version;
  return [
    user.name,
    verb,
    path,
    resource?.namespace ?? '',
    resource?.name ?? '',
    version,
    resource?.resource ?? '',
    resource?.subresource ?? '',
  ];
}

/** An amount of work, as Kubernetes writes it. */
function seatSeconds(amount: number): string {
  return `${amount.toFixed(8)}ss`;
}

/** Values with commas, each column as wide as its widest. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map(
    (_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)) + 2,
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => `${cell},`.padEnd(widths[column] ?? 0))
        .join('')
        .trimEnd(),
    )
    .map((line) => `${line.replace(/,$/, '')}\n`)
    .join('');
}
