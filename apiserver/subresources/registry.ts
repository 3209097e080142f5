/** The subresources: which methods they answer, and what discovery says about them. */
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

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH';

export interface Subresource {
  readonly name: string;
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
const log: Subresource = { name: 'log', handlers: { GET: handlePodLogs } };
const exec = connectable('exec', 'PodExecOptions', handlePodExec);
const attach = connectable('attach', 'PodAttachOptions', handlePodAttach);
const portforward = connectable('portforward', 'PodPortForwardOptions', handlePodPortForward);

/** SPDY clients POST, WebSocket clients can only GET. */
function connectable(name: string, kind: string, handler: Handler): Subresource {
  return { name, kind: { group: '', version: 'v1', kind }, handlers: { GET: handler, POST: handler } };
}

const all = [status, approval, scale, finalize, binding, eviction, token, log, exec, attach, portforward];
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
};
