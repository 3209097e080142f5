/**
 * Golden files: what each step of a chapter prints, to be read by people. What several versions of kubectl print alike
 * stands there once. Standard output is indented by two spaces, lines on standard error begin with `!`.
 */
import type { KubectlVersion } from '../support/kubectl.js';
import { kubectlVersions } from '../support/kubectl.js';
import { runsUnder } from './step.js';
import type { Step } from './step.js';

/** What a step prints, by version. */
export type Outputs = ReadonlyMap<KubectlVersion, string>;

/** The lines of one output, ready for the file. */
export function renderOutput(result: { exitCode: number; stdout: string; stderr: string }): string {
  const indent = (text: string, mark: string): string[] =>
    text === ''
      ? []
      : text
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => `${mark}${line}`.trimEnd());
  return [
    ...indent(result.stdout, '  '),
    ...indent(result.stderr, '! '),
    ...(result.exitCode === 0 ? [] : [`exit code ${result.exitCode}`]),
  ]
    .join('\n')
    .trimEnd();
}

export function renderGolden(steps: readonly Step[], outputs: ReadonlyMap<string, Outputs>): string {
  return steps.map((step) => renderStep(step, outputs.get(step.name) ?? new Map())).join('\n');
}

function renderStep(step: Step, outputs: Outputs): string {
  const versions = new Map<string, KubectlVersion[]>();
  for (const [version, text] of sortByVersion(outputs))
    versions.set(text, [...(versions.get(text) ?? []), version]);
  const blocks = [...versions].map(([text, those]) => {
    const title =
      those.length === kubectlVersions.filter((one) => runsUnder(step, one)).length
        ? ''
        : `--- ${those.join(' ')}\n`;
    return `${title}${text}${text === '' ? '' : '\n'}`;
  });
  return `=== ${step.name}: ${step.command}\n${blocks.join('')}`;
}

function sortByVersion(outputs: Outputs): [KubectlVersion, string][] {
  return [...outputs].sort(([a], [b]) => kubectlVersions.indexOf(a) - kubectlVersions.indexOf(b));
}

/** The outputs in a golden file, by the name of the step. Throws when it is not written as above. */
export function parseGolden(text: string, chapter: readonly Step[]): Map<string, Outputs> {
  const steps = new Map<string, Outputs>();
  for (const section of text.split(/^=== /m).slice(1)) {
    const [title = '', ...lines] = section.replace(/\n+$/, '').split('\n');
    const name = title.slice(0, title.indexOf(':'));
    if (steps.has(name)) throw new Error(`the golden file has two steps ${name}`);
    const step = chapter.find((one) => one.name === name);
    const versions = kubectlVersions.filter((one) => step === undefined || runsUnder(step, one));
    steps.set(name, parseBlocks(lines, versions));
  }
  return steps;
}

/** @param all the versions that a block without a title stands for */
function parseBlocks(lines: readonly string[], all: readonly KubectlVersion[]): Outputs {
  const outputs = new Map<KubectlVersion, string>();
  let versions = all;
  let block: string[] = [];
  const close = (): void => {
    for (const version of versions) outputs.set(version, block.join('\n'));
    block = [];
  };
  for (const [index, line] of lines.entries()) {
    const title = /^--- ((?:v\S+ ?)+)$/.exec(line)?.[1];
    if (title === undefined) block.push(line);
    else {
      if (index > 0) close();
      versions = title.split(' ') as KubectlVersion[];
    }
  }
  close();
  return outputs;
}
