/**
 * Adds a context to a kubeconfig that may hold others, and takes it out again, as kind and minikube do. Comments and
 * everything that belongs to others stay.
 */
import { open, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { UsageError } from '../../common/usage-error.js';
import { giveTo } from '../host/person.js';
import type { Person } from '../host/person.js';
import { kubeconfigEntries } from './render-kubeconfig.js';
import type { KubeconfigSource } from './render-kubeconfig.js';

const sections = ['clusters', 'users', 'contexts'] as const;

/** The text with the source's cluster, user and context in it, and its context the current one. Pure. */
export function addContext(text: string, source: KubeconfigSource, file: string): string {
  const document = parse(text, file);
  const entries = kubeconfigEntries(source);
  removeEntries(document, source.name);
  if (document.get('apiVersion') === undefined) document.set('apiVersion', 'v1');
  if (document.get('kind') === undefined) document.set('kind', 'Config');
  const added = { clusters: entries.cluster, users: entries.user, contexts: entries.context };
  for (const section of sections) {
    // kubectl writes an empty list as null.
    if (!isSeq(document.get(section))) document.set(section, document.createNode([]));
    document.addIn([section], document.createNode(added[section]));
  }
  document.set('current-context', source.name);
  return document.toString({ lineWidth: 0 });
}

/** The text without what {@link addContext} added; undefined when nothing of anybody is left in it. Pure. */
export function removeContext(text: string, name: string, file: string): string | undefined {
  const document = parse(text, file);
  removeEntries(document, name);
  if (document.get('current-context') === name) document.set('current-context', '');
  const isEmpty = sections.every((section) => {
    const list = document.get(section);
    return !isSeq(list) || list.items.length === 0;
  });
  return isEmpty ? undefined : document.toString({ lineWidth: 0 });
}

function parse(text: string, file: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined)
    throw new UsageError(`${file} is not valid YAML: ${error.message.split('\n')[0] ?? ''}`);
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isMap(document.contents)) throw new UsageError(`${file} is not a kubeconfig: it holds no mapping`);
  return document;
}

function removeEntries(document: Document, name: string): void {
  for (const section of sections) {
    const list = document.get(section);
    if (!isSeq(list)) continue;
    list.items = list.items.filter((item) => !isMap(item) || item.get('name') !== name);
  }
}

export async function mergeIntoFile(file: string, source: KubeconfigSource, person: Person): Promise<void> {
  await makeFolder(dirname(file), person);
  await rewrite(file, person, (text) => addContext(text, source, file));
}

/** Returns whether the file was there. */
export async function removeFromFile(file: string, name: string, person: Person): Promise<boolean> {
  try {
    await stat(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  await rewrite(file, person, (text) => removeContext(text, name, file));
  return true;
}

async function makeFolder(folder: string, person: Person): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o750 });
  if (first !== undefined) await giveTo(person, folder);
}

/** Under the lock file that kubectl uses as well; a symbolic link stays one. */
async function rewrite(
  path: string,
  person: Person,
  change: (text: string) => string | undefined,
): Promise<void> {
  const lock = `${path}.lock`;
  try {
    await (await open(lock, 'wx')).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(
      `${lock} is there: another program is changing the file, or died doing so (then remove it)`,
    );
  }
  try {
    const present = await readIfThere(path);
    const file = present === undefined ? path : await realpath(path);
    const text = change(present?.text ?? '');
    if (text === undefined) {
      await rm(file, { force: true });
      return;
    }
    await writeFile(`${file}.new`, text, { mode: present?.mode ?? 0o600 });
    await giveTo(present?.owner ?? person, `${file}.new`);
    await rename(`${file}.new`, file);
  } finally {
    await rm(lock, { force: true });
  }
}

async function readIfThere(file: string): Promise<{ text: string; mode: number; owner: Person } | undefined> {
  try {
    const [text, { mode, uid, gid }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { text, mode: mode & 0o777, owner: { home: '', owner: { uid, gid } } };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
