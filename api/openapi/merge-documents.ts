/** OpenAPI 2 documents of several servers as one: each brings the paths that are its own, and the definitions they need. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../patch/merge-patch.js';
import type { DocumentV2, PartOfDocument } from './documents.js';

const reference = '#/definitions/';
const methods: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch']);

/** The part below `root` (`/apis/<group>/<version>`). Throws a SyntaxError for what is no OpenAPI 2 document. */
export function partOfDocument(document: unknown, root: string): PartOfDocument {
  if (!isJsonObject(document) || document['swagger'] !== '2.0' || !isJsonObject(document['paths']))
    throw new SyntaxError('the answer is no OpenAPI 2 document');
  const paths: Record<string, unknown> = {};
  for (const [path, item] of Object.entries(document['paths']))
    if ((path === root || path.startsWith(`${root}/`)) && isJsonObject(item)) paths[path] = pathItem(item);
  const all = isJsonObject(document['definitions']) ? document['definitions'] : {};
  const definitions: Record<string, unknown> = {};
  const pending = referencesIn(paths);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const definition = all[name];
    if (definition === undefined || Object.hasOwn(definitions, name)) continue;
    definitions[name] = definition;
    pending.push(...referencesIn(definition));
  }
  return { paths, definitions } as unknown as PartOfDocument;
}

/** Operations and parameters: nothing else belongs there that readers of the whole could use. */
function pathItem(item: Readonly<Record<string, unknown>>): object {
  const operations = Object.entries(item).filter(([name]) => methods.has(name));
  const { parameters } = item;
  return { ...Object.fromEntries(operations), parameters: Array.isArray(parameters) ? parameters : [] };
}

/**
 * The document with the parts of others. Paths that are there already stay; a definition of the same name with other contents
 * gets a name of its own (`Name_v2`), as in Kubernetes.
 */
export function mergeDocuments(document: DocumentV2, parts: readonly PartOfDocument[]): DocumentV2 {
  const paths = { ...document.paths };
  const definitions = { ...document.definitions };
  for (const part of parts) {
    const names = new Map<string, string>();
    for (const [name, definition] of Object.entries(part.definitions))
      names.set(name, freeName(definitions, name, definition));
    for (const [name, definition] of Object.entries(part.definitions))
      definitions[names.get(name) ?? name] ??= renamed(
        definition,
        names,
      ) as DocumentV2['definitions'][string];
    for (const [path, item] of Object.entries(part.paths))
      paths[path] ??= renamed(item, names) as DocumentV2['paths'][string];
  }
  return { ...document, paths, definitions };
}

function freeName(taken: Readonly<Record<string, unknown>>, name: string, definition: unknown): string {
  let candidate = name;
  for (let number = 2; ; number++) {
    const there = taken[candidate];
    if (there === undefined || isDeepStrictEqual(there, definition)) return candidate;
    candidate = `${name}_v${String(number)}`;
  }
}

function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' && inner.startsWith(reference)
      ? [inner.slice(reference.length)]
      : referencesIn(inner),
  );
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = key === '$ref' && typeof inner === 'string' ? inner.slice(reference.length) : undefined;
      const known = name === undefined ? undefined : names.get(name);
      return [key, known === undefined ? renamed(inner, names) : reference + known];
    }),
  );
}
