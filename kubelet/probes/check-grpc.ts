/** One question by the gRPC health checking protocol: an adapter, loaded when the first probe needs it. */
import { Metadata, credentials, status as codes } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { GRPCAction } from '../../api/generated/core-v1.js';
import { loadProto, serviceIn } from '../../proto/load.js';
import { failed, passed } from './check.js';
import type { CheckResult } from './check.js';

const healthService = serviceIn(loadProto('grpc/health/v1/health.proto'), 'grpc.health.v1.Health');
const method = healthService.service['Check'];

/** Does not reject for anything that the server does: what goes wrong is a failed check. */
export async function checkGrpc(
  action: GRPCAction,
  podIp: string,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  if (method === undefined) throw new Error('the description of gRPC health checks has no method Check');
  const host = podIp.includes(':') ? `[${podIp}]` : podIp;
  const client = new healthService(`${host}:${action.port}`, credentials.createInsecure(), {
    'grpc.primary_user_agent': 'kube-probe/1.35',
    'grpc.enable_http_proxy': 0,
  });
  try {
    return await new Promise((resolve) => {
      const call = client.makeUnaryRequest<object, { readonly status?: unknown }>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        { service: action.service ?? '' },
        new Metadata(),
        { deadline: Date.now() + timeoutSeconds * 1000 },
        (error, reply) => {
          signal.removeEventListener('abort', cancel);
          if (error !== null) resolve(failed(describe(error, timeoutSeconds)));
          else if (reply?.status === 'SERVING') resolve(passed);
          else resolve(failed(`service unhealthy (responded with "${String(reply?.status)}")`));
        },
      );
      const cancel = (): void => {
        call.cancel();
      };
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
    });
  } finally {
    client.close();
  }
}

function describe({ code, details }: ServiceError, timeoutSeconds: number): string {
  if (code === codes.UNIMPLEMENTED)
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`;
  if (code === codes.DEADLINE_EXCEEDED)
    return `timeout: health rpc did not complete within ${timeoutSeconds}s`;
  if (code === codes.UNAVAILABLE) return `error: failed to connect service: ${details}`;
  return `error: health rpc probe failed: ${details}`;
}
