/** The subresources: which methods they answer, and what discovery says about them. */
import type { ResourceDefinition } from '../../api/resources.js';
import { handleGet } from '../handlers/get.js';
import type { Handler } from '../handlers/context.js';
import { handlePatch } from '../handlers/patch.js';
import { handleUpdate } from '../handlers/update.js';
import { handleBinding } from './binding.js';
import { handleEviction } from './eviction.js';
import { handlePodLogs } from './pod-logs.js';
import { handlePodAttach, handlePodExec, handlePodPortForward } from './pod-streams.js';
import { handleGetScale, handlePatchScale, handleUpdateScale } from './scale.js';
import { handleTokenRequest } from './service-account-token.js';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface Subresource {
  readonly name: string;
  /** A connection to what is behind the object: it may last, and may be about a path of that. */
  readonly connects?: 'to-object' | 'to-path';
  /** Kind of its body; that of the parent when absent. */
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string };
  readonly handlers: Readonly<Partial<Record<Method, Handler>>>;
}

const status: Subresource = {
  name: 'status',
  handlers: { GET: handleGet, PUT: handleUpdate, PATCH: handlePatch },
};
const scale: Subresource = {
  name: 'scale',
  kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  handlers: { GET: handleGetScale, PUT: handleUpdateScale, PATCH: handlePatchScale },
};
const approval: Subresource = { ...status, name: 'approval' };
const ephemeralContainers: Subresource = { ...status, name: 'ephemeralcontainers' };
const resize: Subresource = { ...status, name: 'resize' };
const finalize: Subresource = { name: 'finalize', handlers: { PUT: handleUpdate } };
const binding: Subresource = {
  name: 'binding',
  kind: { group: '', version: 'v1', kind: 'Binding' },
  handlers: { POST: handleBinding },
};
const eviction: Subresource = {
  name: 'eviction',
  kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
  handlers: { POST: handleEviction },
};
const token: Subresource = {
  name: 'token',
  kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  handlers: { POST: handleTokenRequest },
};
const log: Subresource = { name: 'log', connects: 'to-object', handlers: { GET: handlePodLogs } };
const exec = connectable('exec', 'PodExecOptions', handlePodExec);
const attach = connectable('attach', 'PodAttachOptions', handlePodAttach);
const portforward = connectable('portforward', 'PodPortForwardOptions', handlePodPortForward);

/** SPDY clients POST, WebSocket clients can only GET. */
function connectable(name: string, kind: string, handler: Handler): Subresource {
  return {
    name,
    connects: 'to-object',
    kind: { group: '', version: 'v1', kind },
    handlers: { GET: handler, POST: handler },
  };
}

/** Loaded with the first request that is proxied. */
const handleProxy: Handler = async (request) => (await import('./proxy/proxy.js')).handleProxy(request);

const proxy: Subresource = {
  name: 'proxy',
  connects: 'to-path',
  handlers: {
    GET: handleProxy,
    POST: handleProxy,
    PUT: handleProxy,
    PATCH: handleProxy,
    DELETE: handleProxy,
    OPTIONS: handleProxy,
  },
};

const all = [
  status,
  approval,
  ephemeralContainers,
  resize,
  proxy,
  scale,
  finalize,
  binding,
  eviction,
  token,
  log,
  exec,
  attach,
  portforward,
];
const byName = new Map(all.map((one) => [one.name, one]));

/** The subresource of that name; whether a kind has it stands in its definition. */
export function findSubresource(name: string): Subresource | undefined {
  return byName.get(name);
}

/** The verbs of discovery by HTTP method. */
export const verbOfMethod: Readonly<Record<Method, string>> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  // A proxy passes it on; discovery does not speak of it.
  OPTIONS: 'options',
};

/** The verbs of a subresource, as discovery lists them. */
export function verbsOf({ handlers }: Subresource): readonly string[] {
  const methods = Object.keys(handlers) as Method[];
  return methods
    .filter((method) => method !== 'OPTIONS')
    .map((method) => verbOfMethod[method])
    .sort();
}

/** Kind of a subresource's body on a kind of object. */
export function kindOf(
  subresource: Subresource,
  { group, version, kind }: ResourceDefinition,
): { readonly group: string; readonly version: string; readonly kind: string } {
  if (subresource.connects === 'to-path') return { group, version, kind: `${kind}ProxyOptions` };
  return subresource.kind ?? { group, version, kind };
}
