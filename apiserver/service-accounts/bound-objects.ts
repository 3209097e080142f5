/** Whether the objects that a token names are still there, and still the same ones. */
import type { KubernetesClaims, NamedObject } from './claims.js';

/** What is looked at of an object. */
export interface FoundObject {
  readonly uid: string;
  readonly deletionTimestamp?: string;
}

export type BoundKind = 'service account' | 'pod' | 'secret' | 'node';

/** Answers with what is in the store now; undefined when there is no such object. */
export type FindObject = (
  kind: BoundKind,
  namespace: string,
  name: string,
) => Promise<FoundObject | undefined>;

/** An object that is being deleted still counts for so long. */
const afterDeletionMs = 60_000;

export class BoundObjects {
  readonly #find: FindObject;

  constructor(find: FindObject) {
    this.#find = find;
  }

  /** Why a token of these claims is worth nothing any more, or undefined. Rejects when the store cannot be read. */
  async problemOf(claims: KubernetesClaims, nowMs: number): Promise<string | undefined> {
    const { namespace, serviceaccount, pod, secret, node } = claims;
    const wanted: (readonly [BoundKind, string, NamedObject | undefined])[] = [
      ['service account', namespace, serviceaccount],
      ['secret', namespace, secret],
      ['pod', namespace, pod],
      // The node of a pod is told along and may go before the pod does; it binds only a token of its own.
      ['node', '', pod === undefined ? node : undefined],
    ];
    const problems = await Promise.all(
      wanted.map(async ([kind, where, object]) =>
        object === undefined
          ? undefined
          : problemOfObject(kind, object, await this.#find(kind, where, object.name), nowMs),
      ),
    );
    return problems.find((problem) => problem !== undefined);
  }
}

function problemOfObject(
  kind: BoundKind,
  named: NamedObject,
  found: FoundObject | undefined,
  nowMs: number,
): string | undefined {
  if (found === undefined) return `the ${kind} "${named.name}" of the token is gone`;
  const { deletionTimestamp } = found;
  if (deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + afterDeletionMs < nowMs)
    return `the ${kind} "${named.name}" of the token has been deleted`;
  if (found.uid !== named.uid) return `${kind} UID (${found.uid}) does not match claim (${named.uid})`;
  return undefined;
}
