/**
 * Gives every Pod an identity: the service account that it runs as, a token of it that the kubelet keeps fresh in a
 * projected volume, and the account's pull secrets.
 */
import type { Container, Pod, ServiceAccount, Volume, VolumeMount } from '../../api/generated/core-v1.js';
import { StatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { generateName } from '../resources/object-meta.js';
import { projectedTokenSeconds } from '../service-accounts/token-life.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isPodCreation } from './pod-creation.js';

const defaultAccount = 'default';
const tokenMountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const tokenVolumePrefix = 'kube-api-access-';
const mirrorAnnotation = 'kubernetes.io/config.mirror';

export interface ServiceAccountDependencies {
  /** Answers with what is in the store now. */
  readonly findServiceAccount: (namespace: string, name: string) => Promise<ServiceAccount | undefined>;
  readonly clock: Clock;
  /** Ends waiting when the server stops. */
  readonly stopping: AbortSignal;
}

export function serviceAccount(dependencies: ServiceAccountDependencies): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    async admit(request) {
      if (!isPodCreation(request)) return;
      const pod = request.object as Pod;
      // The kubelet compares a mirror with its file: it is left as it is.
      if (isMirror(pod)) return;
      const { spec } = pod;
      if ((spec.serviceAccountName ?? '') === '') spec.serviceAccountName = defaultAccount;
      // The old name of the field goes along, as clients still read it.
      spec.serviceAccount = spec.serviceAccountName ?? defaultAccount;
      const account = await requireAccount(request, spec.serviceAccountName ?? defaultAccount, dependencies);
      if (wantsToken(pod, account)) mountToken(pod);
      const { imagePullSecrets = [] } = account;
      if ((spec.imagePullSecrets ?? []).length === 0 && imagePullSecrets.length > 0)
        spec.imagePullSecrets = structuredClone(imagePullSecrets);
    },
    validate(request) {
      if (!isPodCreation(request)) return;
      const pod = request.object as Pod;
      if (isMirror(pod)) refuseMirrorSecrets(request, pod);
    },
  };
}

function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

/** So often the account `default` is looked for, because a controller makes it soon after the namespace. */
const maxLooks = 10;
const minPauseMs = 100;

async function requireAccount(
  request: AdmissionRequest,
  name: string,
  { findServiceAccount, clock, stopping }: ServiceAccountDependencies,
): Promise<ServiceAccount> {
  const looks = name === defaultAccount ? maxLooks : 1;
  for (let look = 1; look <= looks && !stopping.aborted; look++) {
    const found = await findServiceAccount(request.namespace, name);
    if (found !== undefined) return found;
    if (look < looks) await sleep(clock, minPauseMs * (1 + Math.random()), stopping);
  }
  throw refused(
    request,
    `error looking up service account ${request.namespace}/${name}: serviceaccount "${name}" not found`,
  );
}

/** The Pod has the last word, then its account; without a word of either there is a token. */
function wantsToken({ spec }: Pod, account: ServiceAccount): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

/** Adds the volume and mounts it in every container that has nothing at its place. */
function mountToken({ spec }: Pod): void {
  const present = spec.volumes?.find(({ name }) => name.startsWith(tokenVolumePrefix));
  const name = present?.name ?? generateName(tokenVolumePrefix);
  const mount: VolumeMount = { name, readOnly: true, mountPath: tokenMountPath };
  const containers: readonly Container[] = [...(spec.initContainers ?? []), ...spec.containers];
  const without = containers.filter(
    ({ volumeMounts = [] }) => !volumeMounts.some(({ mountPath }) => mountPath === tokenMountPath),
  );
  for (const container of without) container.volumeMounts = [...(container.volumeMounts ?? []), { ...mount }];
  if (present === undefined && without.length > 0)
    spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

/** Token, certificate of the apiserver and namespace: what a client inside of the cluster needs. */
function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: projectedTokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

/** A mirror shows what runs from a file of the node, which knows no objects. */
function refuseMirrorSecrets(request: AdmissionRequest, { spec }: Pod): void {
  if ((spec.serviceAccountName ?? '') !== '')
    throw refused(request, 'a mirror pod may not reference service accounts');
  for (const { secret, projected } of spec.volumes ?? []) {
    const sources = projected?.sources ?? [];
    if (secret !== undefined || sources.some((source) => source.secret !== undefined))
      throw refused(request, 'a mirror pod may not reference secrets');
    if (sources.some((source) => source.serviceAccountToken !== undefined))
      throw refused(request, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

function refused(request: AdmissionRequest, why: string): StatusError {
  const { name, object } = request;
  const shown = name === '' ? (object?.metadata.generateName ?? '') : name;
  return new StatusError('Forbidden', `pods "${shown}" is forbidden: ${why}`, {
    details: { name: shown, kind: 'pods' },
  });
}
