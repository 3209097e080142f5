/** Reads a result that another plugin, or an earlier call, gave: of any version, as there are no lost meanings. */
import { isObject, optionalArray, optionalInteger, optionalString, requiredString } from './json-reader.js';
import type { JsonObject } from './json-reader.js';
import type { AddResult, ResultAddress, ResultInterface, Route } from './spec.js';

export function readResult(raw: JsonObject): AddResult {
  const list = <T>(key: string, read: (entry: JsonObject) => T): readonly T[] =>
    (optionalArray(raw, key) ?? []).map((entry) => read(isObject(entry) ? entry : {}));
  return {
    interfaces: list('interfaces', readInterface),
    ips: list('ips', readAddress),
    routes: list('routes', readRoute),
    ...(isObject(raw['dns']) ? { dns: raw['dns'] } : {}),
  };
}

function readInterface(entry: JsonObject): ResultInterface {
  const mac = optionalString(entry, 'mac', 'interfaces.mac');
  const sandbox = optionalString(entry, 'sandbox', 'interfaces.sandbox');
  return {
    name: requiredString(entry, 'name', 'interfaces.name'),
    ...(mac === undefined ? {} : { mac }),
    ...(sandbox === undefined ? {} : { sandbox }),
  };
}

function readAddress(entry: JsonObject): ResultAddress {
  const gateway = optionalString(entry, 'gateway', 'ips.gateway');
  const index = optionalInteger(entry, 'interface', 0, 1_000);
  return {
    address: requiredString(entry, 'address', 'ips.address'),
    ...(gateway === undefined ? {} : { gateway }),
    ...(index === undefined ? {} : { interface: index }),
  };
}

function readRoute(entry: JsonObject): Route {
  const gw = optionalString(entry, 'gw', 'routes.gw');
  const dst = requiredString(entry, 'dst', 'routes.dst');
  return gw === undefined ? { dst } : { dst, gw };
}
