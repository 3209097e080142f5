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
  refuseInheritedNames(operation);
  const problem = problemOf(document, operation);
  if (problem !== undefined) throw unprocessable(problem);
  const [failure] = applyPatch(document, [operation]);
  if (failure !== null && failure !== undefined)
    throw unprocessable(`error in ${operation.op} for path: '${operation.path}': ${failure.message}`);
  return document;
}

/** Names that lead from an object to what all objects share; the package passes over them, and so changes another place. */
const inheritedNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

function refuseInheritedNames(operation: Operation): void {
  for (const pointer of 'from' in operation ? [operation.from, operation.path] : [operation.path]) {
    if (Pointer.fromJSON(pointer).tokens.some((token) => inheritedNames.has(token)))
      throw unprocessable(
        `${operation.op} operation does not apply: ${pointer}: this name cannot be patched`,
      );
  }
}

/** Why an operation does not apply, in the words of Kubernetes: some clients look for them. */
function problemOf(document: unknown, operation: Operation): string | undefined {
  const { op, path } = operation;
  if ('from' in operation && lookUp(document, operation.from) === undefined)
    return `${op} operation does not apply: doc is missing from path: ${operation.from}: missing value`;
  if (path === '') return undefined;
  const parent = lookUp(document, path.slice(0, path.lastIndexOf('/')))?.value;
  if (typeof parent !== 'object' || parent === null)
    return `${op} operation does not apply: doc is missing path: ${op === 'replace' ? path : `"${path}"`}: missing value`;
  const key = Pointer.fromJSON(path).tokens.at(-1) ?? '';
  const inserts = op === 'add' || op === 'move' || op === 'copy';
  const isThere = Array.isArray(parent)
    ? hasPlace(parent, key, inserts)
    : inserts || Object.hasOwn(parent, key);
  if (isThere) return undefined;
  if (op === 'replace') return `replace operation does not apply: doc is missing key: ${path}: missing value`;
  return Array.isArray(parent)
    ? `error in ${op} for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`
    : `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`;
}

/** The last step into a list must be an index within it, or `-` behind its end: the package would write beside it. */
function hasPlace(list: readonly unknown[], key: string, inserts: boolean): boolean {
  if (inserts && key === '-') return true;
  return /^(?:0|[1-9][0-9]*)$/.test(key) && Number(key) < list.length + (inserts ? 1 : 0);
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

/** The answer of Kubernetes' apiserver to a patch that is well formed and cannot be applied. */
function unprocessable(detail: string): StatusError {
  return new StatusError(
    'Invalid',
    `the server rejected our request due to an error in our request: ${detail}`,
    { details: { causes: [{ reason: 'UnexpectedServerResponse', message: detail }] } },
  );
}
