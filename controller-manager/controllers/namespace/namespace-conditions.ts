/** The conditions of a namespace that is being deleted: why it is still there. Pure. */
import type { NamespaceCondition } from '../../../api/generated/core-v1.js';
import { withCondition } from '../../../api/pod-helpers.js';

/** What one pass over the contents of a namespace found. */
export interface ContentReport {
  /** Objects still there, by `plural.group`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Finalizers on those objects, with how many of them carry each. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** Group versions of which nobody knows what they hold, with why. */
  readonly undiscovered: readonly string[];
  /** Messages of deletions and lists that failed. */
  readonly failures: readonly string[];
}

/**
 * The five conditions of Kubernetes, in its words where tools match them. Returns the same array when nothing
 * changed, so that the write can be left out.
 */
export function namespaceConditions(
  before: readonly NamespaceCondition[] | undefined,
  report: ContentReport,
  now: string,
): readonly NamespaceCondition[] {
  const { remaining, finalizers, undiscovered, failures } = report;
  const wanted: NamespaceCondition[] = [
    undiscovered.length > 0
      ? condition(
          'NamespaceDeletionDiscoveryFailure',
          true,
          'DiscoveryFailed',
          `Discovery failed for some groups, ${String(undiscovered.length)} failing: unable to retrieve the complete list of server APIs: ${undiscovered.join(', ')}`,
        )
      : condition(
          'NamespaceDeletionDiscoveryFailure',
          false,
          'ResourcesDiscovered',
          'All resources successfully discovered',
        ),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    failures.length > 0
      ? condition('NamespaceDeletionContentFailure', true, 'ContentDeletionFailed', failures.join('; '))
      : condition(
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ),
    remaining.size > 0
      ? condition(
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${remainingText(remaining)}`,
        )
      : condition('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'),
    finalizers.size > 0
      ? condition(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizersText(finalizers)}`,
        )
      : condition(
          'NamespaceFinalizersRemaining',
          false,
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ),
  ];
  return (
    wanted.reduce<readonly NamespaceCondition[] | undefined>(
      (conditions, one) => withCondition(conditions, one, now),
      before,
    ) ?? []
  );
}

function condition(type: string, status: boolean, reason: string, message: string): NamespaceCondition {
  return { type, status: status ? 'True' : 'False', reason, message };
}

function remainingText(remaining: ReadonlyMap<string, number>): string {
  return [...remaining]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, count]) => `${resource} has ${count} resource instances`)
    .join(', ');
}

function finalizersText(finalizers: ReadonlyMap<string, number>): string {
  return [...finalizers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
    .join(', ');
}
