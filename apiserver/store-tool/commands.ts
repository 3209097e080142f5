/** `knarr store snapshot | restore | verify | status`: what each does and says. They return the exit code. */
import { existsSync } from 'node:fs';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { loadEmbeddedTools } from '../storage/backends/registry.js';
import { countInWords, progressOf, report, sizeInWords } from './report.js';
import type { Output } from './report.js';

export interface ToolContext {
  readonly output: Output;
  readonly signal: AbortSignal;
  /** For progress: milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export async function snapshot(context: ToolContext, dataDir: string, file: string): Promise<ExitCode> {
  mustExist(dataDir);
  if (existsSync(file)) throw new UsageError(`${file} is there already: choose another name, or remove it`);
  const { takeSnapshot } = await loadEmbeddedTools();
  const facts = await takeSnapshot(dataDir, file, options(context, 'wrote'));
  report(context.output, { file, ...facts }, [
    `${file}: ${countInWords(facts.keys, 'key')} as of revision ${facts.revision}, ${sizeInWords(facts.fileBytes)}, checked`,
  ]);
  return exitCodes.ok;
}

export async function restore(
  context: ToolContext,
  dataDir: string,
  file: string,
  bumpRevision: number,
): Promise<ExitCode> {
  mustExist(file);
  const { restoreSnapshot } = await loadEmbeddedTools();
  const facts = await restoreSnapshot(file, dataDir, bumpRevision, options(context, 'read'));
  report(context.output, { file, dataDir, ...facts }, [
    `restored ${countInWords(facts.keys, 'key')} into ${dataDir}, which begins at revision ${facts.revision}`,
  ]);
  return exitCodes.ok;
}

/** A file, or without one the directory. The exit code is 1 when something is damaged. */
export async function verify(
  context: ToolContext,
  dataDir: string,
  file: string | undefined,
): Promise<ExitCode> {
  const what = file ?? dataDir;
  mustExist(what);
  const { verifyDataDir, verifySnapshot } = await loadEmbeddedTools();
  const { damages, ...facts } = await (file === undefined
    ? verifyDataDir(dataDir, options(context, 'read'))
    : verifySnapshot(file, options(context, 'read')));
  const isWhole = damages.length === 0;
  const [first] = damages;
  report(
    context.output,
    {
      path: what,
      whole: isWhole,
      ...facts,
      damages: damages.map(({ path, at, key, revision, message }) => ({ path, at, key, revision, message })),
    },
    [
      `${what}: ${countInWords(facts.keys, 'key')} as of revision ${facts.revision}, ` +
        `${sizeInWords(facts.valueBytes)} of values in ${sizeInWords(facts.fileBytes)}` +
        (facts.compactRevision > 0 ? `, history from revision ${facts.compactRevision}` : ''),
      ...damages
        .slice(0, shownDamages)
        .map(({ path, at, message }) => `damaged: ${path} at byte ${at}: ${message}`),
      ...(damages.length > shownDamages
        ? [`and ${damages.length - shownDamages} more: see --output json`]
        : []),
      first === undefined ? 'every checksum is right' : `${countInWords(damages.length, 'place')} damaged`,
    ],
  );
  return isWhole ? exitCodes.ok : exitCodes.failed;
}

const shownDamages = 20;

export async function status(context: ToolContext, dataDir: string): Promise<ExitCode> {
  mustExist(dataDir);
  const { readStatus } = await loadEmbeddedTools();
  const found = await readStatus(dataDir, options(context, 'read'));
  const { problem } = found;
  report(context.output, { dataDir, ...found }, [
    `Store      ${found.backend} in ${dataDir}, ${found.running ? 'running' : 'not running'}`,
    `Revision   ${found.revision}, history from ${found.compactRevision}`,
    `Keys       ${countInWords(found.keys ?? 0, 'key')}, ${sizeInWords(found.liveBytes ?? 0)} of values`,
    `Files      ${sizeInWords(found.sizeBytes)}`,
    problem === undefined
      ? 'Condition  well'
      : `Condition  ${problem.kind} since ${new Date(problem.sinceMs).toISOString()}: ${problem.message}`,
  ]);
  return problem === undefined ? exitCodes.ok : exitCodes.failed;
}

function mustExist(path: string): void {
  if (!existsSync(path)) throw new UsageError(`there is no ${path}`);
}

function options(
  { output, signal, nowMs }: ToolContext,
  verb: string,
): {
  signal: AbortSignal;
  onProgress: (bytes: number) => void;
} {
  return { signal, onProgress: progressOf(output, verb, nowMs) };
}
