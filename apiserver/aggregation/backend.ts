/** Where the API server behind an APIService is, and how it is spoken to. */
import type { RequestOptions } from 'node:https';
import type { APIService } from '../../api/generated/apiregistration-v1.js';
import type { UserInfo } from '../filters/user-info.js';
import type { ResourceTable } from '../handlers/context.js';
import { locateService } from '../webhooks/locate-service.js';

/** What this server proves itself with to the servers behind it. PEM. */
export interface ProxyCertificate {
  readonly cert: string;
  readonly key: string;
}

export type Backend =
  | { readonly kind: 'found'; readonly options: RequestOptions }
  /** Reason and message of the condition. */
  | { readonly kind: 'absent'; readonly reason: string; readonly message: string };

export async function locateBackend(
  { spec }: APIService,
  resources: ResourceTable,
  certificate: ProxyCertificate | undefined,
): Promise<Backend> {
  const { namespace = '', name = '', port } = spec.service ?? {};
  const location = await locateService(
    { namespace, name, ...(port === undefined ? {} : { port }) },
    resources,
  );
  if (location.kind === 'absent') return location;
  const { caBundle = '', insecureSkipTLSVerify = false } = spec;
  return {
    kind: 'found',
    options: {
      host: location.host,
      port: location.port,
      servername: location.serverName,
      rejectUnauthorized: !insecureSkipTLSVerify,
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
      ...certificate,
    },
  };
}

/** Who asks, in the headers that servers behind a front proxy read. */
export function userHeaders({ name, uid, groups, extra = {} }: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'x-remote-user': name,
    'x-remote-group': [...groups],
    ...(uid === undefined ? {} : { 'x-remote-uid': uid }),
  };
  for (const [key, values] of Object.entries(extra))
    headers[`x-remote-extra-${encodeURIComponent(key.toLowerCase())}`] = [...values];
  return headers;
}
