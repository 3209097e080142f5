import type { Container } from '../../api/generated/core-v1.js';

/** A port by number, or by its name in the container. Throws when there is none of that name. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  const found = container.ports?.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`the container ${container.name} has no port named ${port}`);
  return found;
}
