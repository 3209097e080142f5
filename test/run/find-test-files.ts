/** Which tests there are: the sources say, since a build folder may still hold what is gone from them. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface TestKind {
  readonly folder: string;
  /** How many files run at once: those that use the machine's network or containerd run alone. */
  readonly jobs: number;
  readonly timeoutMs: number;
}

export const testKinds: readonly TestKind[] = [
  { folder: 'unit', jobs: 2, timeoutMs: 120_000 },
  { folder: 'contract', jobs: 2, timeoutMs: 240_000 },
  { folder: 'integration', jobs: 1, timeoutMs: 600_000 },
  { folder: 'e2e', jobs: 1, timeoutMs: 600_000 },
];

/** Paths of `*.test.ts` relative to `root`, in order; with `words` only those that contain one of them. */
export function findTestFiles(root: string, kind: TestKind, words: readonly string[]): string[] {
  const folder = join(root, 'test', kind.folder);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
}
