/** Runs the chapters with one version of kubectl, in a world of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../common/paths.js';
import type { CommandResult } from '../../common/run-command.js';
import { tryCommand } from '../../common/run-command.js';
import { Kubectl } from '../support/kubectl.js';
import type { KubectlVersion } from '../support/kubectl.js';
import { renderOutput } from './golden-file.js';
import { normalise } from './normalise.js';
import { splitWords } from './split-words.js';
import { runsUnder } from './step.js';
import type { Chapter, Step } from './step.js';
import { startWorld } from './world.js';
import type { World } from './world.js';

export interface StepResult {
  readonly chapter: string;
  readonly step: Step;
  readonly version: KubectlVersion;
  readonly exitCode: number;
  /** As it goes into the golden file. */
  readonly output: string;
  readonly milliseconds: number;
}

export const scriptFolder = join(packageRoot(), 'test', 'kubectl-script');
const deadlineMs = 30_000;

export async function runScript(
  version: KubectlVersion,
  chapters: readonly Chapter[],
): Promise<StepResult[]> {
  const world = await startWorld();
  const results: StepResult[] = [];
  try {
    const person = new Person(await Kubectl.of(version, world.fixture.kubeconfig), world);
    for (const chapter of chapters) {
      const steps = chapter.steps.filter((one) => runsUnder(one, version));
      if (steps.length > 0) await person.call(`create namespace ${chapter.name}`, {});
      for (const step of steps) {
        const startedAt = performance.now();
        const result = await person.take(chapter, step);
        const output = renderOutput(readable(result, step));
        const milliseconds = performance.now() - startedAt;
        results.push({
          chapter: chapter.name,
          step,
          version,
          exitCode: result.exitCode,
          output,
          milliseconds,
        });
      }
    }
  } finally {
    await world.stop();
  }
  return results;
}

function readable({ exitCode, stdout, stderr }: CommandResult, step: Step): CommandResult {
  return { exitCode, stdout: normalise(stdout, step), stderr: normalise(stderr, step) };
}

/** Somebody with a shell in the folder of the manifests. */
class Person {
  readonly #kubectl: Kubectl;
  readonly #world: World;

  constructor(kubectl: Kubectl, world: World) {
    this.#kubectl = kubectl;
    this.#world = world;
  }

  async take({ name: namespace }: Chapter, step: Step): Promise<CommandResult> {
    if (step.ends !== undefined) return this.#watch(namespace, step.command, step.ends);
    const giveUpAt = performance.now() + deadlineMs;
    for (;;) {
      const result = await this.call(step.command, step, namespace);
      if (step.eventually?.test(result.stdout) !== false || performance.now() > giveUpAt) return result;
    }
  }

  call(
    command: string,
    { stdin = '', editor = '' }: Partial<Step>,
    namespace = 'default',
  ): Promise<CommandResult> {
    const { path } = this.#kubectl;
    return tryCommand(path, this.#arguments(command, namespace), {
      ...this.#surroundings(editor),
      input: stdin,
      timeoutMs: deadlineMs,
    });
  }

  async #watch(namespace: string, command: string, ends: NonNullable<Step['ends']>): Promise<CommandResult> {
    const child = spawn(this.#kubectl.path, this.#arguments(command, namespace), {
      ...this.#surroundings(''),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const closed = once(child, 'close');
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    let meanwhile: Promise<unknown> | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      meanwhile ??= this.call(ends.meanwhile, {}, namespace);
      if (ends.when.test(stdout)) child.kill();
    });
    await closed;
    clearTimeout(timer);
    await meanwhile;
    return { exitCode: ends.when.test(stdout) ? 0 : 1, stdout, stderr };
  }

  #arguments(command: string, namespace: string): string[] {
    const pki = this.#world.fixture.pki.folder;
    return this.#kubectl.arguments([
      `--namespace=${namespace}`,
      ...splitWords(command.replaceAll('{pki}', pki)),
    ]);
  }

  #surroundings(editor: string): { cwd: string; env: NodeJS.ProcessEnv } {
    return {
      cwd: join(scriptFolder, 'manifests'),
      env: { HOME: this.#world.home, PATH: '/usr/bin:/bin', KUBE_EDITOR: `sed -i -e '${editor}'` },
    };
  }
}
