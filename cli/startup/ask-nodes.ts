/** Asks kubelets for their starts, through the API server's proxy to nodes. */
import { readStartupReport, StartupReportError } from '../../api/read-startup-report.js';
import { nodes } from '../../api/resources.js';
import type { StartupReport } from '../../api/startup-report.js';
import { StatusError } from '../../api/status-error.js';
import type { ApiClient } from '../../client/types.js';
import { UsageError } from '../../common/usage-error.js';

export type NodeAnswer =
  | { readonly kind: 'report'; readonly node: string; readonly report: StartupReport }
  /** The node is there, and its kubelet does not answer, or not to this. */
  | { readonly kind: 'silent'; readonly node: string; readonly why: string };

export interface AskOptions {
  /** Undefined: all nodes. */
  readonly node: string | undefined;
  readonly withHistory: boolean;
  readonly signal: AbortSignal;
}

/** In the order of names. Rejects with StatusError when the API server does not answer, UsageError for a node that is not there. */
export async function askNodes(client: ApiClient, options: AskOptions): Promise<readonly NodeAnswer[]> {
  const { items } = await client.resource(nodes).list({ signal: options.signal });
  const names = items.map(({ metadata }) => metadata.name).sort();
  if (options.node === undefined) return askEach(client, names, options);
  if (names.includes(options.node)) return askEach(client, [options.node], options);
  const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  throw new UsageError(`there is no node ${options.node}: ${there}`);
}

const askedAtOnce = 16;

async function askEach(
  client: ApiClient,
  names: readonly string[],
  options: AskOptions,
): Promise<readonly NodeAnswer[]> {
  const answers: NodeAnswer[] = [];
  for (let at = 0; at < names.length; at += askedAtOnce) {
    const some = names.slice(at, at + askedAtOnce);
    answers.push(...(await Promise.all(some.map((name) => askNode(client, name, options)))));
  }
  return answers;
}

async function askNode(
  client: ApiClient,
  node: string,
  { withHistory, signal }: AskOptions,
): Promise<NodeAnswer> {
  const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/startup${withHistory ? '?history=true' : ''}`;
  try {
    const report = readStartupReport(JSON.parse(await client.raw(path, signal)));
    return { kind: 'report', node, report };
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: 'silent', node, why: whySilent(error) };
  }
}

/** Throws what is no answer of a node but a mistake in here. */
function whySilent(error: unknown): string {
  if (error instanceof StartupReportError || error instanceof SyntaxError)
    return `its answer cannot be read: ${error.message}`;
  if (!(error instanceof StatusError)) throw error;
  if (error.reason === 'NotFound') return 'its kubelet does not tell of starts: it may be an older one';
  return `its kubelet does not answer: ${error.message}`;
}
