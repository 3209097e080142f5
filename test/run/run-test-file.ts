/** Runs one compiled test file as a process of its own and reads its TAP. */
import { spawn } from 'node:child_process';
import { Parser } from 'tap-parser';

export interface Failure {
  /** With the names of the tests around it. */
  readonly name: string;
  readonly diagnostics: string;
}

export interface FileResult {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  readonly milliseconds: number;
  /** What the file printed besides TAP, for failures that have no assertion. */
  readonly output: string;
}

/** What of an assertion matters here; the parser's own type is wider. */
interface Assertion {
  readonly ok: boolean;
  readonly skip?: unknown;
  readonly todo?: unknown;
  readonly fullname?: string;
  readonly name: string;
  readonly diag?: unknown;
  readonly closingTestPoint: boolean;
}

const outputLimit = 20_000;

/** A file that ends with an error, or is not done in time, counts as one failure besides those of its assertions. */
export async function runTestFile(file: string, timeoutMs: number): Promise<FileResult> {
  const startedAt = performance.now();
  let passed = 0;
  let skipped = 0;
  const failures: Failure[] = [];
  const count = (assertion: Assertion): void => {
    if (assertion.skip !== undefined && assertion.skip !== false) skipped += 1;
    else if (assertion.ok) passed += 1;
    else
      failures.push({
        name: assertion.fullname ?? assertion.name,
        diagnostics: wordDiagnostics(assertion.diag),
      });
  };
  const listen = (parser: Parser): void => {
    parser.on('child', listen);
    parser.on('assert', (assertion: Assertion) => {
      // The line that closes a subtest only repeats what its assertions said.
      if (!assertion.closingTestPoint) count(assertion);
    });
  };
  const parser = new Parser({});
  listen(parser);

  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    env: { ...process.env, TAP: '1', TAP_TIMEOUT: String(Math.ceil(timeoutMs / 1000)) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output = (output + chunk).slice(-outputLimit);
  });
  child.stdout.on('data', (chunk: Buffer) => parser.write(chunk));
  const timer = setTimeout(() => {
    failures.push({ name: 'the whole file', diagnostics: `not done within ${timeoutMs / 1000} s` });
    child.kill('SIGKILL');
  }, timeoutMs);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  parser.end();
  if (code !== 0 && failures.length === 0) {
    failures.push({ name: 'the whole file', diagnostics: `ended with exit code ${String(code)}` });
  }
  if (code === 0 && passed + skipped + failures.length === 0) {
    failures.push({ name: 'the whole file', diagnostics: 'asserted nothing' });
  }
  return { passed, skipped, failures, output, milliseconds: performance.now() - startedAt };
}

/** Where it is, and what differs; the parser's other fields say the same again. */
function wordDiagnostics(diagnostics: unknown): string {
  if (typeof diagnostics !== 'object' || diagnostics === null) return '';
  const { at, diff, stack, result } = diagnostics as Readonly<Record<string, unknown>>;
  const place = at as { readonly fileName?: string; readonly lineNumber?: number } | undefined;
  const lines = place?.fileName === undefined ? [] : [`at ${place.fileName}:${String(place.lineNumber)}`];
  if (typeof diff === 'string') lines.push(diff);
  else if (typeof stack === 'string') lines.push(stack);
  if (result !== undefined) lines.push(JSON.stringify(result, undefined, 2));
  return lines.join('\n');
}
