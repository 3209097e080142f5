/**
 * Runs all tests: `npm test`, or `npm test -- WORD…` for the files whose path contains a word. Installs the programs
 * that tests need, checks the rules of the house, runs the files, and ends with a line `N passed, N failed`.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingPackages, neededPrograms } from '../../cli/checks/packages.js';
import { installPackages } from '../../cli/packages/install-packages.js';
import { packageRoot } from '../../common/paths.js';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { throttlePrograms } from '../faults/small-disk.js';
import { findTestFiles, testKinds } from './find-test-files.js';
import { houseChecks, runHouseCheck } from './house-checks.js';
import { runTestFile } from './run-test-file.js';
import type { FileResult } from './run-test-file.js';

/** What tests need besides what Knarr needs. */
const testPrograms = [
  { program: 'etcd', package: 'etcd-server' },
  { program: 'docker-registry', package: 'docker-registry' },
  { program: 'curl', package: 'curl' },
];

const root = packageRoot();
const buildDir = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const totals = { passed: 0, failed: 0, skipped: 0 };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function installWhatIsMissing(): Promise<void> {
  await install(missingPackages([...neededPrograms, ...testPrograms]));
  try {
    await install(missingPackages(throttlePrograms));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`Tests on a throttled disk will be left out: ${error.message}`);
  }
}

async function install(missing: readonly string[]): Promise<void> {
  if (missing.length === 0) return;
  say(`Installing with apt-get: ${missing.join(' ')}`);
  await installPackages(
    missing,
    (line) => {
      say(`  ${line}`);
    },
    new AbortController().signal,
  );
}

async function checkHouse(): Promise<void> {
  for (const check of houseChecks) {
    const startedAt = performance.now();
    const problem = await runHouseCheck(root, check);
    const time = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    if (problem === undefined) totals.passed += 1;
    else totals.failed += 1;
    say(`${problem === undefined ? 'ok    ' : 'FAILED'} house: ${check.name}  ${time}`);
    if (problem !== undefined) say(indent(problem));
  }
}

async function runFiles(words: readonly string[]): Promise<void> {
  for (const kind of testKinds) {
    if (!existsSync(join(root, 'test', kind.folder))) continue;
    const queue = findTestFiles(root, kind, words);
    const work = async (): Promise<void> => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        report(file, await runTestFile(join(buildDir, file.replace(/\.ts$/, '.js')), kind.timeoutMs));
      }
    };
    await Promise.all(Array.from({ length: kind.jobs }, work));
  }
}

function report(file: string, result: FileResult): void {
  const { passed, skipped, failures, milliseconds, output } = result;
  totals.passed += passed;
  totals.failed += failures.length;
  totals.skipped += skipped;
  const counts = `${passed} passed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
  const state = failures.length === 0 ? 'ok    ' : 'FAILED';
  say(`${state} ${file}  ${counts}, ${failures.length} failed  ${(milliseconds / 1000).toFixed(1)} s`);
  for (const { name, diagnostics } of failures) say(indent(`${name}\n${diagnostics}`));
  if (failures.length > 0 && output !== '') say(indent(`--- standard error\n${output}`));
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '    ');
}

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) {
    throw new UsageError('the tests run real containers and need root: sudo npm test');
  }
  const words = process.argv.slice(2);
  await installWhatIsMissing();
  if (words.length === 0) await checkHouse();
  await runFiles(words);
  if (totals.skipped > 0) say(`${totals.skipped} skipped`);
  say(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed > 0 ? exitCodes.ok : exitCodes.failed;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof UsageError ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  },
);
