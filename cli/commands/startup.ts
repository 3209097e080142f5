/** `knarr startup`: how nodes start their Pods: devices, slots, who starts and who waits for what; also as a picture. */
import { writeFile } from 'node:fs/promises';
import { encodeStartupReport } from '../../api/startup-report.js';
import { StatusError } from '../../api/status-error.js';
import { loadKubeconfig } from '../../client/kubeconfig.js';
import { createRestClient } from '../../client/rest-client.js';
import type { ApiClient } from '../../client/types.js';
import { sleep, systemClock } from '../../common/clock.js';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode } from '../command-context.js';
import { chooseKubeconfig } from '../kubeconfig/choose-kubeconfig.js';
import { askNodes } from '../startup/ask-nodes.js';
import type { NodeAnswer } from '../startup/ask-nodes.js';
import { LiveScreen } from '../startup/live-screen.js';
import { plotReports } from '../startup/plot-report.js';
import { plainLines, renderNodes } from '../startup/render.js';
import { cutLine } from '../startup/text-table.js';
import type { Line } from '../startup/text-table.js';

export interface StartupOptions {
  /** Undefined: all nodes. */
  readonly node: string | undefined;
  readonly watch: boolean;
  /** A file to draw into. */
  readonly plot: string | undefined;
}

const requestTimeoutMs = 5_000;
const watchIntervalMs = 1_000;

/** Fails when a node that was asked for did not answer. A node that lets everybody start at once has answered. */
export async function startup(context: CommandContext, options: StartupOptions): Promise<ExitCode> {
  if (options.watch && options.plot !== undefined)
    throw new UsageError('--watch shows what is and --plot draws what was: use one at a time');
  const { layout } = await findCluster(context);
  const { file, context: contextName } = chooseKubeconfig(layout);
  const client = createRestClient({
    connection: loadKubeconfig(file, contextName),
    userAgent: 'knarr',
    requestTimeoutMs,
  });
  try {
    if (options.watch) return await watch(context, client, options);
    const answers = await ask(context, client, options);
    if (typeof answers === 'string') {
      context.terminal.error(answers);
      return exitCodes.failed;
    }
    return options.plot === undefined ? show(context, answers) : await plot(context, answers, options.plot);
  } finally {
    await client.close();
  }
}

/** A text says why nobody could be asked. */
async function ask(
  { signal }: CommandContext,
  client: ApiClient,
  { node, plot }: StartupOptions,
): Promise<readonly NodeAnswer[] | string> {
  try {
    return await askNodes(client, { node, withHistory: plot !== undefined, signal });
  } catch (error) {
    if (!(error instanceof StatusError) || signal.aborted) throw error;
    return `the API server does not answer: ${error.message}`;
  }
}

function show({ terminal }: CommandContext, answers: readonly NodeAnswer[]): ExitCode {
  terminal.result(asJson(answers), () => {
    for (const line of renderNodes(answers, {
      columns: terminal.size()?.columns ?? Infinity,
      rows: undefined,
    }))
      terminal.line(paint(terminal, line));
  });
  return answers.every(({ kind }) => kind === 'report') ? exitCodes.ok : exitCodes.failed;
}

async function plot(
  { terminal }: CommandContext,
  answers: readonly NodeAnswer[],
  file: string,
): Promise<ExitCode> {
  const reports = answers.flatMap((answer) => (answer.kind === 'report' ? [answer.report] : []));
  for (const answer of answers) if (answer.kind === 'silent') terminal.error(`${answer.node}: ${answer.why}`);
  const svg = plotReports(reports);
  if (svg === undefined) {
    const isOff = reports.length > 0 && reports.every(({ mode }) => mode === 'Off');
    const why = isOff
      ? 'everybody starts at once there (startupIO.mode is Off)'
      : 'no node remembers any start';
    terminal.error(`there is nothing to draw: ${why}`);
    return exitCodes.failed;
  }
  try {
    await writeFile(file, svg);
  } catch (cause) {
    throw new UsageError(`${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
  terminal.result({ file, nodes: reports.map(({ node }) => node) }, () => {
    terminal.line(`Drawn into ${file}: open it in a browser.`);
  });
  return reports.length === answers.length ? exitCodes.ok : exitCodes.failed;
}

/** Until it is interrupted, which is its normal end. What cannot be asked now may be there in a second. */
async function watch(context: CommandContext, client: ApiClient, options: StartupOptions): Promise<ExitCode> {
  const { terminal, signal } = context;
  const screen = new LiveScreen((text) => {
    terminal.raw(text);
  });
  let lastFrame: readonly string[] = [];
  try {
    for (;;) {
      const answers = await ask(context, client, options);
      const size = terminal.size();
      if (terminal.format === 'json') terminal.raw(`${JSON.stringify(asJson(answers))}\n`);
      else if (size === undefined) printPlain(terminal, answers);
      else {
        const lines =
          typeof answers === 'string'
            ? [cutLine([{ text: answers, tint: 'red' }], size.columns)]
            : renderNodes(answers, size);
        lastFrame = lines.map((line) => paint(terminal, line));
        screen.draw(lastFrame);
      }
      await sleep(systemClock, watchIntervalMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen.close();
    // On the screen that stays: what was there last.
    for (const line of lastFrame) terminal.line(line);
  }
  return exitCodes.ok;
}

function printPlain(terminal: CommandContext['terminal'], answers: readonly NodeAnswer[] | string): void {
  const now = systemClock.now();
  if (typeof answers === 'string') terminal.line(`${new Date(now).toISOString().slice(0, 19)}Z ${answers}`);
  else for (const line of plainLines(answers, now)) terminal.line(line);
}

function paint(terminal: CommandContext['terminal'], line: Line): string {
  return line
    .map(({ text, tint }) => (tint === undefined ? text : terminal.colour(tint, text)))
    .join('')
    .trimEnd();
}

function asJson(answers: readonly NodeAnswer[] | string): unknown {
  if (typeof answers === 'string') return { error: answers, nodes: [] };
  return {
    nodes: answers.map((answer) =>
      answer.kind === 'report'
        ? { node: answer.node, report: encodeStartupReport(answer.report) }
        : { node: answer.node, error: answer.why },
    ),
  };
}
