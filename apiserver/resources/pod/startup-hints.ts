/**
 * The annotations by which a Pod says how it wants to start are checked when it is written: a word that nobody can read
 * would else be passed over in silence at the worst moment. Pure.
 */
import type { Pod } from '../../../api/generated/core-v1.js';
import { keyPath } from '../../../api/field-path.js';
import type { Violations } from '../../../api/field-path.js';
import { parseStartupHints } from '../../../api/startup-hints.js';
import { isMirrorPod } from './mirror-pod.js';

const annotationsField = 'metadata.annotations';

/**
 * What stood there before is let be, however bad, or nobody could take a label off that Pod. A mirror shows a file of a
 * node: its kubelet tells of what is wrong with that.
 */
export function validateStartupHints(pod: Pod, before: Pod | undefined, violations: Violations): void {
  if (isMirrorPod(pod)) return;
  const { annotations = {} } = pod.metadata;
  for (const { annotation, message } of parseStartupHints(annotations).problems) {
    const value = annotations[annotation];
    if (value !== before?.metadata.annotations?.[annotation])
      violations.invalid(keyPath(annotationsField, annotation), value, message);
  }
}

/** For a template: the Pods that are made from it will be refused. */
export function startupHintWarnings(
  annotations: Readonly<Record<string, string>>,
  path: string,
): readonly string[] {
  return parseStartupHints(annotations).problems.map(
    ({ annotation, message }) => `${keyPath(path, annotation)}: ${message}; pods with it are refused`,
  );
}
