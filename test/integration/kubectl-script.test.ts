/**
 * The same script under six versions of kubectl, from v1.20 to v1.35; each output is compared with a golden file that
 * was read by a person. UPDATE_GOLDEN=1 writes the files anew, KUBECTL_VERSIONS=v1.20,v1.35 runs only those.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { chapters } from '../kubectl-script/chapters.js';
import { parseGolden, renderGolden } from '../kubectl-script/golden-file.js';
import type { Outputs } from '../kubectl-script/golden-file.js';
import { runScript, scriptFolder } from '../kubectl-script/run-script.js';
import type { StepResult } from '../kubectl-script/run-script.js';
import { runsUnder } from '../kubectl-script/step.js';
import type { Chapter } from '../kubectl-script/step.js';
import { kubectlVersions } from '../support/kubectl.js';

const versions = kubectlVersions.filter(
  (version) => process.env['KUBECTL_VERSIONS']?.split(',').includes(version) !== false,
);
const updates = process.env['UPDATE_GOLDEN'] === '1';
const goldenFile = ({ name }: Chapter): string => join(scriptFolder, 'golden', `${name}.txt`);
const readGolden = (chapter: Chapter): Map<string, Outputs> =>
  existsSync(goldenFile(chapter))
    ? parseGolden(readFileSync(goldenFile(chapter), 'utf8'), chapter.steps)
    : new Map<string, Outputs>();

/** Two at a time: each has its own cluster, and most of the work is kubectl's. */
async function runAll(): Promise<StepResult[]> {
  const queue = [...versions];
  const results: StepResult[] = [];
  const work = async (): Promise<void> => {
    for (let version = queue.shift(); version !== undefined; version = queue.shift()) {
      results.push(...(await runScript(version, chapters)));
    }
  };
  await Promise.all([work(), work()]);
  return results;
}

const results = await runAll();

for (const chapter of chapters) {
  await t.test(chapter.name, async (t) => {
    const ofChapter = results.filter((one) => one.chapter === chapter.name);
    const golden = readGolden(chapter);
    if (updates)
      writeFileSync(goldenFile(chapter), renderGolden(chapter.steps, merge(chapter, golden, ofChapter)));
    for (const { step, version, exitCode, output } of ofChapter) {
      const name = `${step.name}, kubectl ${version}`;
      t.equal(exitCode, step.exit ?? 0, `${name}: exit code`, { output });
      if (!updates) t.equal(output, golden.get(step.name)?.get(version), name);
    }
  });
}

await t.test('the golden files hold nothing else', async (t) => {
  for (const chapter of chapters) {
    const golden = readGolden(chapter);
    const names = chapter.steps.map(({ name }) => name);
    t.strictSame([...golden.keys()], names, chapter.name);
    for (const step of chapter.steps) {
      const strange = [...(golden.get(step.name)?.keys() ?? [])].filter((one) => !runsUnder(step, one));
      t.strictSame(strange, [], `${chapter.name}: ${step.name}`);
    }
  }
});

/** What was run takes the place of what is there; versions that did not run now, but could, stay. */
function merge(
  { steps }: Chapter,
  golden: ReadonlyMap<string, Outputs>,
  found: readonly StepResult[],
): Map<string, Outputs> {
  return new Map(
    steps.map((step) => {
      const kept = [...(golden.get(step.name) ?? [])].filter(([version]) => runsUnder(step, version));
      const fresh = found.filter((one) => one.step === step);
      return [
        step.name,
        new Map([...kept, ...fresh.map(({ version, output }) => [version, output] as const)]),
      ];
    }),
  );
}
