/** Kubernetes' strategic merge patch: a merge patch that knows from the schema which lists to merge, and by which key. */
import type { Schema } from '../schema/model.js';

/**
 * The patched copy of `current`, read as the type `schemaName`. Shares unchanged parts with `current`. Throws StatusError
 * BadRequest for a malformed patch.
 */
export function applyStrategicMergePatch(
  _current: unknown,
  _patch: unknown,
  _schema: Schema,
  _schemaName: string,
): unknown {
  throw new Error('under construction');
}
