/**
 * Loads `.proto` files at run time, with one set of options for every gRPC adapter:
 * field names in camelCase, 64-bit integers as decimal strings, enums by name, absent fields with their defaults.
 */
import { join } from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import type { GrpcObject, ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { packageRoot } from '../common/paths.js';

/** The descriptions that ship with Knarr, by path below `proto/`. */
export function loadProto(path: string): GrpcObject {
  const folder = join(packageRoot(), 'proto');
  const definition = loadSync(join(folder, path), {
    keepCase: false,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [folder],
  });
  return loadPackageDefinition(definition);
}

/** The constructor of a service's client, by its full name `runtime.v1.RuntimeService`. Throws when it is not there. */
export function serviceIn(root: GrpcObject, fullName: string): ServiceClientConstructor {
  let at: unknown = root;
  for (const part of fullName.split('.')) {
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  }
  if (typeof at !== 'function') throw new Error(`there is no service ${fullName} in the loaded description`);
  return at as ServiceClientConstructor;
}
