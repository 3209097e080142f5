/**
 * Regular expressions of API users, in the syntax of RE2 as Kubernetes reads them. Matching takes time linear in the text,
 * whatever the pattern: a backtracking engine could be held up for ever by either of them.
 */
import { RE2JS } from 're2js';

export interface Pattern {
  readonly text: string;
  /** Whether it matches somewhere in the text. */
  test(text: string): boolean;
}

/** Throws a SyntaxError that says what is wrong. */
export function compilePattern(text: string): Pattern {
  const compiled = compileRe2(text);
  return { text, test: (subject) => compiled.matcher(subject).find() };
}

/** For those who need more than a test. Throws a SyntaxError. */
export function compileRe2(text: string): RE2JS {
  try {
    return RE2JS.compile(text);
  } catch (cause) {
    throw new SyntaxError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
