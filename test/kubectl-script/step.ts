/** The script as data: chapters of steps, each one call of kubectl. */
import { kubectlVersions } from '../support/kubectl.js';
import type { KubectlVersion } from '../support/kubectl.js';

export interface StepOptions {
  readonly stdin?: string;
  /** The exit code that is right; 0 when absent. */
  readonly exit?: number;
  /** The first of the tested versions that has the command or the flag. */
  readonly from?: KubectlVersion;
  /** The last of the tested versions that has it. */
  readonly until?: KubectlVersion;
  /** These versions and no others. */
  readonly only?: readonly KubectlVersion[];
  /** What takes its time: called again until standard output matches. */
  readonly eventually?: RegExp;
  /** A call that does not end by itself: ended once standard output matches, while `meanwhile` is called beside it. */
  readonly ends?: { readonly when: RegExp; readonly meanwhile: string };
  /** `sed` arguments that stand in for a person in an editor. */
  readonly editor?: string;
  /** Only the lines that match go into the golden file: for outputs that are long, or that others write. */
  readonly keep?: RegExp;
  /** Lines below a table's header in alphabetical order: for what happens at the same time. */
  readonly sorted?: boolean;
}

export interface Step extends StepOptions {
  /** Unique in its chapter. */
  readonly name: string;
  /** Arguments, quoted as in a shell. */
  readonly command: string;
}

/** A chapter has a namespace of its own, named like it, and a golden file. */
export interface Chapter {
  readonly name: string;
  readonly steps: readonly Step[];
}

export function step(name: string, command: string, options: StepOptions = {}): Step {
  return { name, command, ...options };
}

export function runsUnder(
  { from = 'v1.20', until = 'v1.35', only = kubectlVersions }: Step,
  version: KubectlVersion,
): boolean {
  const at = kubectlVersions.indexOf(version);
  return (
    kubectlVersions.indexOf(from) <= at && at <= kubectlVersions.indexOf(until) && only.includes(version)
  );
}
