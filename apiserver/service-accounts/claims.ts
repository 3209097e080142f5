/**
 * What a service account's token says, in the claims of Kubernetes: made, read back and judged. Pure.
 *
 * Times are seconds since the epoch, as in every JWT (RFC 7519).
 */

/** An object that the token names. */
export interface NamedObject {
  readonly name: string;
  readonly uid: string;
}

export interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: NamedObject;
  readonly pod?: NamedObject;
  readonly secret?: NamedObject;
  readonly node?: NamedObject;
  /** From here on the token should have been renewed, although it still works. */
  readonly warnafter?: number;
}

export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': KubernetesClaims;
}

export interface ClaimsInput {
  readonly issuer: string;
  readonly tokenId: string;
  readonly audiences: readonly string[];
  readonly nowSeconds: number;
  readonly lifeSeconds: number;
  readonly warnAfterSeconds?: number;
  readonly namespace: string;
  readonly serviceAccount: NamedObject;
  readonly pod?: NamedObject;
  readonly secret?: NamedObject;
  readonly node?: NamedObject;
}

const subjectPrefix = 'system:serviceaccount:';

/** `system:serviceaccount:<namespace>:<name>`: the user that a service account is. */
export function serviceAccountUser(namespace: string, name: string): string {
  return `${subjectPrefix}${namespace}:${name}`;
}

export function makeClaims(input: ClaimsInput): TokenClaims {
  const { nowSeconds, namespace, serviceAccount, pod, secret, node, warnAfterSeconds } = input;
  return {
    iss: input.issuer,
    sub: serviceAccountUser(namespace, serviceAccount.name),
    aud: [...input.audiences],
    exp: nowSeconds + input.lifeSeconds,
    iat: nowSeconds,
    nbf: nowSeconds,
    jti: input.tokenId,
    'kubernetes.io': {
      namespace,
      serviceaccount: serviceAccount,
      ...(pod === undefined ? {} : { pod }),
      ...(secret === undefined ? {} : { secret }),
      ...(node === undefined ? {} : { node }),
      ...(warnAfterSeconds === undefined ? {} : { warnafter: nowSeconds + warnAfterSeconds }),
    },
  };
}

export type ReadClaims =
  | { readonly kind: 'claims'; readonly claims: TokenClaims }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads a payload that was signed by us; what is missing is named. */
export function readClaims(payload: unknown): ReadClaims {
  const top = record(payload);
  const own = record(top?.['kubernetes.io']);
  const account = namedObject(own?.['serviceaccount']);
  if (top === undefined || own === undefined || account === undefined)
    return { kind: 'unreadable', reason: 'the token is not that of a service account' };
  const aud = typeof top['aud'] === 'string' ? [top['aud']] : top['aud'];
  const texts = [top['iss'], top['sub'], own['namespace']];
  const times = [top['exp'], top['iat'], top['nbf']];
  if (
    !texts.every((text) => typeof text === 'string') ||
    !times.every((time) => typeof time === 'number' && Number.isFinite(time)) ||
    !Array.isArray(aud) ||
    !aud.every((one) => typeof one === 'string')
  )
    return { kind: 'unreadable', reason: 'the token lacks one of the claims iss, sub, aud, exp, iat, nbf' };
  const [iss = '', sub = '', namespace = ''] = texts;
  const [exp = 0, iat = 0, nbf = 0] = times as number[];
  const { jti } = top;
  const { warnafter } = own;
  const bound = ['pod', 'secret', 'node'].flatMap((key) => {
    const object = namedObject(own[key]);
    return object === undefined ? [] : [[key, object] as const];
  });
  return {
    kind: 'claims',
    claims: {
      iss,
      sub,
      aud: aud,
      exp,
      iat,
      nbf,
      jti: typeof jti === 'string' ? jti : '',
      'kubernetes.io': {
        namespace,
        serviceaccount: account,
        ...Object.fromEntries(bound),
        ...(typeof warnafter === 'number' ? { warnafter } : {}),
      },
    },
  };
}

/** So much may the clocks of two machines differ. */
const leewaySeconds = 60;

/** Why these claims do not hold now, or undefined. Objects that they name are not looked at. */
export function problemOfClaims(
  claims: TokenClaims,
  expected: { readonly issuers: readonly string[]; readonly nowSeconds: number },
): string | undefined {
  const { namespace, serviceaccount } = claims['kubernetes.io'];
  if (!expected.issuers.includes(claims.iss)) return `the issuer ${claims.iss} is not accepted`;
  if (claims.sub !== serviceAccountUser(namespace, serviceaccount.name))
    return 'the subject of the token is not its service account';
  if (expected.nowSeconds > claims.exp + leewaySeconds) return 'service account token has expired';
  if (expected.nowSeconds < claims.nbf - leewaySeconds) return 'service account token is not valid yet';
  if (expected.nowSeconds < claims.iat - leewaySeconds)
    return 'service account token was issued in the future';
  return undefined;
}

/** The audiences that both want. */
export function commonAudiences(wanted: readonly string[], token: readonly string[]): readonly string[] {
  return wanted.filter((one) => token.includes(one));
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function namedObject(value: unknown): NamedObject | undefined {
  const { name, uid } = record(value) ?? {};
  // A node that is no longer known has a name alone.
  return typeof name === 'string' && name !== ''
    ? { name, uid: typeof uid === 'string' ? uid : '' }
    : undefined;
}
