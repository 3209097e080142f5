/**
 * Which images a node needs first when it comes back: those of its static Pods, then those of the critical Pods that it
 * ran before. Read from the kubelet's own files, since nobody else is there yet to ask.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isCriticalPriority } from '../../api/pod-helpers.js';
import type { Layout } from '../layout.js';

export interface FirstImage {
  readonly image: string;
  /** False: it is never pulled, or needs a secret that only the kubelet can ask for. */
  readonly mayPull: boolean;
}

export interface FirstImages {
  readonly podCount: number;
  readonly images: readonly FirstImage[];
}

/** Files that are no Pods are passed over: the kubelet tells of them. */
export async function findFirstImages({ data }: Layout): Promise<FirstImages> {
  const manifests = await readStaticPodPath(data.kubeletConfiguration);
  const staticPods = manifests === undefined ? [] : await readDocuments(manifests);
  const saved = await readDocuments(join(data.kubelet, 'pod-checkpoints'));
  return chooseFirstImages(staticPods, saved);
}

/** The most important Pod first; each image once. Pure. */
export function chooseFirstImages(staticPods: readonly unknown[], saved: readonly unknown[]): FirstImages {
  const priorityOf = (pod: unknown): number => Number(at(pod, 'spec', 'priority') ?? 0);
  const critical = saved
    .filter((pod) => isCriticalPriority(priorityOf(pod)) && !hasEnded(pod))
    .sort((a, b) => priorityOf(b) - priorityOf(a));
  const pods = [...staticPods.filter((pod) => imagesOf(pod).length > 0), ...critical];
  const images = new Map<string, FirstImage>();
  for (const found of pods.flatMap((pod) => imagesOf(pod)))
    if (images.get(found.image)?.mayPull !== true) images.set(found.image, found);
  return { podCount: pods.length, images: [...images.values()] };
}

function imagesOf(pod: unknown): readonly FirstImage[] {
  const needsSecret = asList(at(pod, 'spec', 'imagePullSecrets')).length > 0;
  const containers = ['initContainers', 'containers'].flatMap((list) => asList(at(pod, 'spec', list)));
  return containers.flatMap((container) => {
    const image = at(container, 'image');
    if (typeof image !== 'string' || image === '') return [];
    const mayPull = !needsSecret && at(container, 'imagePullPolicy') !== 'Never';
    return [{ image: fullImageName(image), mayPull }];
  });
}

function hasEnded(pod: unknown): boolean {
  const phase = at(pod, 'status', 'phase');
  return (
    phase === 'Succeeded' || phase === 'Failed' || at(pod, 'metadata', 'deletionTimestamp') !== undefined
  );
}

/** With the registry and tag that a short name stands for: `docker.io/library/nginx:latest`. Pure. */
export function fullImageName(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const named = hasRegistry ? image : `docker.io/${rest.length === 0 ? `library/${image}` : image}`;
  const last = named.slice(named.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? named : `${named}:latest`;
}

/** As the kubelet merges its configuration: the last file that says something wins. */
async function readStaticPodPath(folder: string): Promise<string | undefined> {
  const documents = await readDocuments(folder, (name) => name.endsWith('.conf'));
  const paths = documents.map((one) => at(one, 'staticPodPath')).filter((one) => typeof one === 'string');
  const path = paths.at(-1);
  return path === '' ? undefined : path;
}

/** The YAML or JSON of a file, or of each file of a folder, in the order of names. */
async function readDocuments(
  path: string,
  wanted: (name: string) => boolean = (name) => !name.startsWith('.'),
): Promise<readonly unknown[]> {
  const texts: string[] = [];
  try {
    const isFolder = (await stat(path)).isDirectory();
    const files = isFolder
      ? (await readdir(path))
          .filter(wanted)
          .sort()
          .map((name) => join(path, name))
      : [path];
    for (const file of files) texts.push(await readFile(file, 'utf8'));
  } catch (error) {
    // Nothing there, or a folder in a folder.
    if (!['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  return texts.flatMap((text) => {
    try {
      return [parse(text, { maxAliasCount: 100 }) as unknown];
    } catch {
      // Whose file cannot be read has no Pod, and the kubelet says so with the reason.
      return [];
    }
  });
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
