/**
 * The ConfigMap `extension-apiserver-authentication`: API servers behind this one read there whose certificates they may
 * trust, and in which headers a front proxy names its users. Several servers of one cluster keep it together: each adds what
 * it trusts, and takes nothing away but what has expired.
 */
import type { ConfigMap } from '../../api/generated/core-v1.js';
import { configMaps } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { FrontProxyOptions } from '../filters/front-proxy.js';
import { pemBlocks, readCertificates } from '../filters/front-proxy.js';
import type { ServerParts } from '../handlers/context.js';
import { createUnlessThere } from './system-objects.js';

const namespace = 'kube-system';
const name = 'extension-apiserver-authentication';
/** Before the next try after an error. */
const retryMs = 5_000;

type Data = Readonly<Record<string, string>>;

const clientCaKey = 'client-ca-file';
const proxyCaKey = 'requestheader-client-ca-file';

/** What a server with these options trusts; empty for one that trusts nobody. Pure. */
export function authenticationData({
  tls,
  frontProxy,
}: {
  readonly tls: { readonly clientCa?: string };
  readonly frontProxy?: FrontProxyOptions;
}): Data {
  return {
    ...(tls.clientCa === undefined ? {} : { [clientCaKey]: tls.clientCa }),
    ...(frontProxy === undefined
      ? {}
      : {
          [proxyCaKey]: frontProxy.clientCa,
          'requestheader-allowed-names': JSON.stringify(frontProxy.allowedNames),
          'requestheader-username-headers': JSON.stringify(frontProxy.usernameHeaders),
          'requestheader-uid-headers': JSON.stringify(frontProxy.uidHeaders),
          'requestheader-group-headers': JSON.stringify(frontProxy.groupHeaders),
          'requestheader-extra-headers-prefix': JSON.stringify(frontProxy.extraHeaderPrefixes),
        }),
  };
}

/** What is there and what this server trusts, together; the very object that is there when that is the same. Pure. */
export function mergeAuthenticationData(there: Data, own: Data, now: number): Data {
  const merged: Record<string, string> = { ...there };
  for (const [key, value] of Object.entries(own)) {
    const before = there[key];
    if (before === undefined) merged[key] = value;
    else if (key === clientCaKey || key === proxyCaKey) merged[key] = mergeCertificates(before, value, now);
    else merged[key] = mergeList(before, value);
  }
  const isSame = Object.entries(merged).every(([key, value]) => there[key] === value);
  return isSame ? there : merged;
}

function mergeCertificates(there: string, own: string, now: number): string {
  const known = new Set(pemBlocks(there).filter((block) => isValid(block, now)));
  const missing = pemBlocks(own).filter((block) => !known.has(block));
  const isComplete = missing.length === 0 && known.size === pemBlocks(there).length;
  return isComplete ? there : `${[...known, ...missing].join('\n')}\n`;
}

function isValid(block: string, now: number): boolean {
  try {
    return readCertificates(block).every(({ validTo }) => Date.parse(validTo) > now);
  } catch {
    // Nobody can trust what nobody can read.
    return false;
  }
}

/** No names at all means that every name is good. */
function mergeList(there: string, own: string): string {
  const before = readList(there);
  const wanted = readList(own);
  if (before === undefined || wanted === undefined) return own;
  if (before.length === 0) return there;
  if (wanted.length === 0) return own;
  return wanted.every((one) => before.includes(one))
    ? there
    : JSON.stringify([...new Set([...before, ...wanted])]);
}

function readList(text: string): readonly string[] | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the ConfigMap until the signal aborts. Errors are logged and tried again. */
export async function publishAuthentication(
  parts: ServerParts,
  own: Data,
  signal: AbortSignal,
): Promise<void> {
  if (Object.keys(own).length === 0) return;
  const { storage } = parts.resources.of(configMaps);
  while (!signal.aborted) {
    try {
      const { revision } = await storage.listCached(namespace, 0, signal);
      await ensureAuthentication(parts, own);
      for await (const events of storage.watch({ namespace, name, afterRevision: revision, signal }))
        if (events.length > 0) await ensureAuthentication(parts, own);
    } catch (error) {
      if (isAborted(signal)) return;
      parts.log.warn('the ConfigMap of the authentication could not be kept', { err: error });
      await sleep(parts.clock, retryMs, signal);
    }
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Creates it, or adds what this server trusts. Idempotent; several servers may do it at once. */
export async function ensureAuthentication(parts: ServerParts, own: Data): Promise<void> {
  if (Object.keys(own).length === 0) return;
  const draft = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name },
    data: { ...own },
  } as const;
  if (await createUnlessThere<ConfigMap>(parts, configMaps, draft)) return;
  try {
    await parts.resources.of(configMaps).storage.guaranteedUpdate(namespace, name, (current) => {
      const there = current.data ?? {};
      const data = mergeAuthenticationData(there, own, parts.clock.now());
      return data === there ? { kind: 'keep' } : { kind: 'write', object: { ...current, data: { ...data } } };
    });
  } catch (error) {
    // Deleted between the two: the watch says so, and it is made again.
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}
