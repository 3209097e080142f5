/** Which credentials a registry gets for an image, from `imagePullSecrets`. Pure. */
import type { Secret } from '../../api/generated/core-v1.js';
import type { ImageAuth } from '../cri/runtime.js';

interface Entry {
  /** Parts of the host, from left to right; `*` within one stands for anything but a dot. */
  readonly host: readonly string[];
  readonly port: string;
  readonly path: string;
  readonly auth: ImageAuth;
}

const defaultRegistry = 'index.docker.io';

/**
 * The credentials that fit the image, the most special ones first, each once. Entries that cannot be read are left out:
 * another secret may have what is needed.
 */
export function pullCredentials(image: string, secrets: readonly Secret[]): ImageAuth[] {
  const wanted = locationOf(image);
  const fitting = secrets
    .flatMap(entriesOf)
    .filter((entry) => fits(entry, wanted))
    .sort((a, b) => b.path.length - a.path.length || b.host.join('.').length - a.host.join('.').length);
  const seen = new Set<string>();
  return fitting.flatMap(({ auth }) => {
    const key = JSON.stringify(auth);
    if (seen.has(key)) return [];
    seen.add(key);
    return [auth];
  });
}

type Location = Omit<Entry, 'auth'>;

/** An image without a registry comes from Docker's. */
function locationOf(image: string): Location {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? parseLocation(image) : parseLocation(`${defaultRegistry}/${image}`);
}

function parseLocation(text: string): Location {
  const bare = text.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const authority = slash < 0 ? bare : bare.slice(0, slash);
  const [host = '', port = ''] = authority.split(':');
  const path = slash < 0 ? '' : bare.slice(slash).replace(/\/$/, '');
  const isDockers = host === 'docker.io' || host === defaultRegistry;
  return {
    host: (isDockers ? defaultRegistry : host).split('.'),
    port,
    // What docker login writes for its own registry names a version of its protocol, not a path.
    path: /^\/v[12]$/.test(path) ? '' : path,
  };
}

function fits(entry: Location, wanted: Location): boolean {
  if (entry.host.length !== wanted.host.length || entry.port !== wanted.port) return false;
  const hostFits = entry.host.every((part, index) => {
    const pattern = part.replace(/[\\^$+?.()|[\]{}]/g, '\\$&').replaceAll('*', '[^.]*');
    return new RegExp(`^${pattern}$`).test(wanted.host[index] ?? '');
  });
  return hostFits && wanted.path.startsWith(entry.path);
}

function entriesOf({ type, data }: Secret): Entry[] {
  const key = type === 'kubernetes.io/dockercfg' ? '.dockercfg' : '.dockerconfigjson';
  const encoded = data?.[key];
  if (encoded === undefined) return [];
  const config = parseObject(Buffer.from(encoded, 'base64').toString('utf8'));
  const auths = key === '.dockercfg' ? config : asObject(config['auths']);
  return Object.entries(auths).flatMap(([registry, value]) => {
    const auth = authOf(asObject(value));
    return auth === undefined ? [] : [{ ...parseLocation(registry), auth }];
  });
}

function authOf({ username, password, auth }: Readonly<Record<string, unknown>>): ImageAuth | undefined {
  if (typeof auth === 'string' && auth !== '') {
    const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = text.indexOf(':');
    return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return typeof username === 'string' && typeof password === 'string' ? { username, password } : undefined;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
