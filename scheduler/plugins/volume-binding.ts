/**
 * VolumeBinding: a Pod goes where its volumes are, or can be made. Claims of classes that wait for their first consumer
 * are bound here: the node is chosen together with a volume that is reachable from it, which the plugin then keeps for
 * the claim; the binder of the controller manager completes the binding, or a provisioner makes the volume.
 */
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  TopologySelectorTerm,
} from '../../api/generated/core-v1.js';
import {
  chooseVolume,
  claimNameOf,
  classNameOf,
  isReachable,
  keepFor,
  noProvisioner,
  volumeAnnotations,
  waitsForConsumer,
} from '../../api/volume-binding.js';
import { stateKey } from '../framework/cycle-state.js';
import type { PluginFactory } from '../framework/extension-points.js';
import type { StorageView } from '../framework/storage-view.js';
import { skip, success, unresolvable } from '../framework/verdict.js';
import type { Unschedulable, Verdict } from '../framework/verdict.js';

/** Provisioners may be slow; as long as this a Pod keeps its place. */
const bindTimeoutMs = 600_000;

/** What the Pod needs, and for each node that passed, what would be bound there. */
interface Needs {
  readonly bound: readonly PersistentVolumeClaim[];
  readonly waiting: readonly PersistentVolumeClaim[];
  readonly choices: Map<string, NodeChoice>;
}

interface NodeChoice {
  readonly keep: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provision: readonly PersistentVolumeClaim[];
}

const needsKey = stateKey<Needs>('VolumeBinding: claims of the pod');

export const volumeBinding: PluginFactory = ({ storage }) => {
  /** Volumes promised to Pods that are being bound, until the cache shows it: by name, the Pod's uid. */
  const promised = new Map<string, string>();
  const takeBack = (uid: string): void => {
    for (const [name, holder] of promised) if (holder === uid) promised.delete(name);
  };
  return {
    name: 'VolumeBinding',
    interests: [
      { type: 'claim-changed' },
      { type: 'volume-changed' },
      { type: 'storage-class-changed' },
      { type: 'node-added' },
      { type: 'node-updated' },
    ],
    preFilter: (state, { pod }) => {
      const needs = readNeeds(pod, storage);
      if (needs === undefined) return skip;
      if ('kind' in needs) return needs;
      state.write(needsKey, needs);
      return success;
    },
    filter: (state, _pod, { node }) => {
      const needs = state.read(needsKey);
      return needs === undefined ? success : checkNode(needs, node, storage, new Set(promised.keys()));
    },
    reserve: (state, { uid }, nodeName) => {
      takeBack(uid);
      const choice = state.read(needsKey)?.choices.get(nodeName);
      for (const { volume } of choice?.keep ?? []) promised.set(volume.metadata.name, uid);
      return success;
    },
    unreserve: (_state, { uid }) => {
      takeBack(uid);
    },
    preBind: async (state, { uid }, nodeName, signal) => {
      const needs = state.read(needsKey);
      if (needs === undefined || needs.waiting.length === 0) return success;
      await writeChoice(needs.choices.get(nodeName), nodeName, storage);
      const verdict = await untilBound(needs.waiting, nodeName, storage, signal);
      takeBack(uid);
      return verdict;
    },
  };
};

/** Undefined for a Pod without claims. */
function readNeeds(pod: Pod, storage: StorageView): Needs | Unschedulable | undefined {
  const needs = { bound: [] as PersistentVolumeClaim[], waiting: [] as PersistentVolumeClaim[] };
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = storage.claim(`${pod.metadata.namespace}/${name}`);
    if (claim === undefined)
      return unresolvable(
        volume.ephemeral === undefined
          ? `persistentvolumeclaim "${name}" not found`
          : `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`,
      );
    const trouble = troubleWith(claim);
    if (trouble !== undefined) return unresolvable(trouble);
    if (isBound(claim)) needs.bound.push(claim);
    else if (isDelayed(claim, storage)) needs.waiting.push(claim);
    else return unresolvable('pod has unbound immediate PersistentVolumeClaims');
  }
  if (needs.bound.length + needs.waiting.length === 0) return undefined;
  return { ...needs, choices: new Map() };
}

function troubleWith({ metadata, spec, status }: PersistentVolumeClaim): string | undefined {
  const { name } = metadata;
  if (metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (status.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${spec.volumeName ?? ''}"`;
  return undefined;
}

function isBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (
    (spec.volumeName ?? '') !== '' && metadata.annotations?.[volumeAnnotations.bindCompleted] !== undefined
  );
}

function isDelayed(claim: PersistentVolumeClaim, storage: StorageView): boolean {
  return (
    (claim.spec.volumeName ?? '') === '' && waitsForConsumer(storage.storageClass(classNameOf(claim) ?? ''))
  );
}

function checkNode(needs: Needs, node: Node, storage: StorageView, promised: ReadonlySet<string>): Verdict {
  for (const { spec } of needs.bound) {
    const volume = storage.volume(spec.volumeName ?? '');
    if (volume === undefined)
      return unresolvable('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');
    if (!isReachable(volume, node))
      return unresolvable("node(s) didn't match PersistentVolume's node affinity");
  }
  const choice = chooseFor(needs.waiting, node, storage, promised);
  if (choice === undefined) return unresolvable("node(s) didn't find available persistent volumes to bind");
  needs.choices.set(node.metadata.name, choice);
  return success;
}

/** Undefined when some claim can have no volume on this node. */
function chooseFor(
  claims: readonly PersistentVolumeClaim[],
  node: Node,
  storage: StorageView,
  promised: ReadonlySet<string>,
): NodeChoice | undefined {
  const taken = new Set(promised);
  const keep: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provision: PersistentVolumeClaim[] = [];
  // In an order of their own, so that the same Pod always gets the same volumes.
  for (const claim of [...claims].sort(byName)) {
    const selected = claim.metadata.annotations?.[volumeAnnotations.selectedNode];
    const volume =
      selected === undefined ? chooseVolume({ claim, volumes: storage.volumes(), node, taken }) : undefined;
    if (volume !== undefined) {
      taken.add(volume.metadata.name);
      keep.push({ claim, volume });
    } else if (
      canProvision(claim, node, storage) &&
      (selected === undefined || selected === node.metadata.name)
    )
      provision.push(claim);
    else return undefined;
  }
  return { keep, provision };
}

function byName(a: PersistentVolumeClaim, b: PersistentVolumeClaim): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function canProvision(claim: PersistentVolumeClaim, node: Node, storage: StorageView): boolean {
  const found = storage.storageClass(classNameOf(claim) ?? '');
  if (found === undefined || found.provisioner === noProvisioner) return false;
  const terms = found.allowedTopologies ?? [];
  return terms.length === 0 || terms.some((term) => isInTopology(term, node));
}

function isInTopology({ matchLabelExpressions }: TopologySelectorTerm, node: Node): boolean {
  return (matchLabelExpressions ?? []).every(({ key, values }) =>
    values.includes(node.metadata.labels?.[key] ?? ''),
  );
}

async function writeChoice(
  choice: NodeChoice | undefined,
  nodeName: string,
  storage: StorageView,
): Promise<void> {
  for (const { claim, volume } of choice?.keep ?? []) {
    const kept = keepFor(volume, claim);
    if (kept !== volume) await storage.updateVolume(kept);
  }
  for (const claim of choice?.provision ?? []) {
    const { annotations } = claim.metadata;
    if (annotations?.[volumeAnnotations.selectedNode] === nodeName) continue;
    const placed = { ...annotations, [volumeAnnotations.selectedNode]: nodeName };
    await storage.updateClaim({ ...claim, metadata: { ...claim.metadata, annotations: placed } });
  }
}

/** Rejects when the time is over; then the Pod is tried again from the start. */
async function untilBound(
  claims: readonly PersistentVolumeClaim[],
  nodeName: string,
  storage: StorageView,
  signal: AbortSignal,
): Promise<Verdict> {
  let mayBeUnplaced = true;
  return storage.until<Verdict>(
    () => {
      let isComplete = true;
      for (const { metadata } of claims) {
        const claim = storage.claim(`${metadata.namespace}/${metadata.name}`);
        if (claim?.metadata.uid !== metadata.uid)
          return unresolvable(`persistentvolumeclaim "${metadata.name}" not found`);
        if (isBound(claim)) continue;
        isComplete = false;
        const selected = claim.metadata.annotations?.[volumeAnnotations.selectedNode];
        if (selected === nodeName) mayBeUnplaced = false;
        // A provisioner that can make nothing there takes the node back.
        else if (!mayBeUnplaced)
          return unresolvable(`selectedNode annotation value "" not set to scheduled node "${nodeName}"`);
      }
      return isComplete ? success : undefined;
    },
    bindTimeoutMs,
    signal,
  );
}
