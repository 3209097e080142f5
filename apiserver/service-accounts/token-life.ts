/** How long a requested token lives. Pure. */

/** What the ServiceAccount admission plugin asks for; by this odd number such requests are known. */
export const projectedTokenSeconds = 3607;
export const defaultTokenSeconds = 3600;
export const minTokenSeconds = 600;
export const maxTokenSeconds = 2 ** 32;

const extendedSeconds = 365 * 24 * 3600;

export interface TokenLife {
  /** What the client is told: when it should have a new one. */
  readonly requestedSeconds: number;
  /** When the token really ends. */
  readonly lifeSeconds: number;
  readonly warnAfterSeconds?: number;
  /** The server's limit cut the request. */
  readonly shortened: boolean;
}

export function tokenLife(request: {
  readonly requestedSeconds: number;
  readonly maxSeconds: number | undefined;
  readonly extend: boolean;
  readonly isPodBound: boolean;
  /** The token is for the apiserver. */
  readonly isForServer: boolean;
}): TokenLife {
  const { requestedSeconds: wanted, maxSeconds, extend, isPodBound, isForServer } = request;
  const shortened = maxSeconds !== undefined && wanted > maxSeconds;
  const requestedSeconds = shortened ? maxSeconds : wanted;
  if (!extend || !isPodBound || !isForServer || requestedSeconds !== projectedTokenSeconds)
    return { requestedSeconds, lifeSeconds: requestedSeconds, shortened };
  const lifeSeconds = Math.min(extendedSeconds, maxSeconds ?? extendedSeconds);
  return { requestedSeconds, lifeSeconds, warnAfterSeconds: requestedSeconds, shortened };
}
