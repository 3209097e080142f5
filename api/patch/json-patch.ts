/** RFC 6902 JSON Patch, by the rfc6902 package; this file adds what a server must refuse. */
import { applyPatch, Pointer } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { StatusError } from '../status-error.js';
import { sameJson } from '../apply/json-values.js';
import { isJsonObject } from './merge-patch.js';

/** As many as Kubernetes allows. */
const maxOperations = 10_000;
/** Copies of copies double with each operation: all of them together may be so large. */
const maxCopiedBytes = 3 * 1024 * 1024;
const operationNames: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/**
 * The patched copy of `current`; the operations hold all together or not at all. `patch` is the parsed body. Throws
 * StatusError: BadRequest for what is no JSON Patch, RequestEntityTooLarge for too many operations, Invalid for an operation
 * that cannot be carried out (a failed `test` included).
 */
export function applyJsonPatch(current: unknown, patch: unknown): unknown {
  const operations = readOperations(patch);
  let document: unknown = structuredClone(current);
  let copiedBytes = 0;
  for (const operation of operations) {
    if (operation.op === 'copy') {
      copiedBytes += sizeOf(document, operation.from);
      if (copiedBytes > maxCopiedBytes)
        throw new StatusError(
          'RequestEntityTooLarge',
          `Unable to complete the copy, the accumulated size increase of copy is ${String(copiedBytes)}, exceeding the limit ${String(maxCopiedBytes)}`,
        );
    }
    document = applyOperation(document, operation);
  }
  return document;
}

function sizeOf(document: unknown, pointer: string): number {
  const found = lookUp(document, pointer);
  return found === undefined ? 0 : JSON.stringify(found.value).length;
}

function readOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw new StatusError('BadRequest', 'a JSON patch must be a list of operations');
  if (patch.length > maxOperations) {
    throw new StatusError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${String(maxOperations)}, got ${String(patch.length)}`,
    );
  }
  return patch.map((operation: unknown) => {
    if (!isJsonObject(operation) || !operationNames.has(operation.op))
      throw new StatusError(
        'BadRequest',
        `unexpected kind of JSON patch operation: ${JSON.stringify(operation)}`,
      );
    for (const member of operation.op === 'move' || operation.op === 'copy' ? ['path', 'from'] : ['path']) {
      const pointer = operation[member];
      if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
        throw new StatusError(
          'BadRequest',
          `invalid ${member} in a JSON patch operation: ${JSON.stringify(pointer)}`,
        );
    }
    return operation as unknown as Operation;
  });
}

function applyOperation(document: unknown, operation: Operation): unknown {
  // The package does not replace the root itself.
  if (operation.path === '' && (operation.op === 'add' || operation.op === 'replace'))
    return structuredClone(operation.value as unknown);
  if (operation.op === 'test') {
    // The package would turn the values into text, which not every object allows.
    const found = lookUp(document, operation.path);
    if (found === undefined || !sameJson(found.value, operation.value)) throw testFailed(operation.path);
    return document;
  }
  requireOwnMembers(document, operation);
  requireElementIndex(document, operation);
  const [failure] = applyPatch(document, [operation]);
  if (failure !== null && failure !== undefined)
    throw unprocessable(`${operation.op} operation does not apply: ${operation.path}: ${failure.message}`);
  return document;
}

/** Names that lead from an object to what all objects share; the package passes over them, and so changes another place. */
const inheritedNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Members that objects merely inherit are not there, and nothing is read or written through them. */
function requireOwnMembers(document: unknown, operation: Operation): void {
  const pointers = 'from' in operation ? [operation.from, operation.path] : [operation.path];
  for (const pointer of pointers) {
    if (Pointer.fromJSON(pointer).tokens.some((token) => inheritedNames.has(token)))
      throw unprocessable(
        `${operation.op} operation does not apply: ${pointer}: this name cannot be patched`,
      );
  }
  const mustBeThere = 'from' in operation ? operation.from : operation.op === 'add' ? '' : operation.path;
  if (lookUp(document, mustBeThere) === undefined)
    throw unprocessable(`${operation.op} operation does not apply: ${mustBeThere}: missing value`);
  const parent = operation.path.slice(0, Math.max(0, operation.path.lastIndexOf('/')));
  const into = lookUp(document, parent)?.value;
  if (operation.path !== '' && (typeof into !== 'object' || into === null))
    throw unprocessable(`${operation.op} operation does not apply: ${operation.path}: missing parent`);
}

/** What a pointer leads to, through members of its own only; undefined where there is nothing. */
function lookUp(document: unknown, pointer: string): { readonly value: unknown } | undefined {
  let value = document;
  for (const token of Pointer.fromJSON(pointer).tokens.slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return { value };
}

function testFailed(path: string): StatusError {
  return unprocessable(`testing value ${path} failed: test failed`);
}

/** The last step into a list must be an index within it, or `-` behind its end: the package would write beside it. */
function requireElementIndex(document: unknown, operation: Operation): void {
  const end = Pointer.fromJSON(operation.path).evaluate(document);
  const parent: unknown = end.parent;
  if (!Array.isArray(parent)) return;
  const inserts = operation.op === 'add' || operation.op === 'move' || operation.op === 'copy';
  if (inserts && end.key === '-') return;
  const index = /^(?:0|[1-9][0-9]*)$/.test(end.key) ? Number(end.key) : Infinity;
  if (index >= parent.length + (inserts ? 1 : 0))
    throw unprocessable(
      `${operation.op} operation does not apply: ${operation.path}: no such element in the list`,
    );
}

/** The answer of Kubernetes' apiserver to a patch that is well formed and cannot be applied. */
function unprocessable(detail: string): StatusError {
  return new StatusError(
    'Invalid',
    `the server rejected our request due to an error in our request: ${detail}`,
    { details: { causes: [{ reason: 'UnexpectedServerResponse', message: detail }] } },
  );
}
