/**
 * Reads the part of a kubeconfig file that a Knarr process needs: where the server is and who we are.
 *
 * The format is Kubernetes' own (apiVersion v1, kind Config): clusters, users and contexts by name, with
 * certificates inline (`…-data`, base64) or as files relative to the kubeconfig's folder.
 */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { UsageError } from '../common/usage-error.js';

/** Where a server is, whom to trust and how to sign in. Certificates and keys are PEM text. */
export interface ServerConnection {
  /** `https://host:port`, an optional path after it is kept as a prefix. */
  readonly server: string;
  /** Certificate authorities that may have signed the server's certificate; the system's when absent. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** The name to expect in the server's certificate, where it is not the URL's host. */
  readonly serverName?: string;
  readonly insecureSkipTlsVerify?: boolean;
}

/**
 * The connection of the current context (or of `contextName`). Throws UsageError that names the file and the
 * key when the file cannot be read, an entry is missing or a way to sign in is not supported.
 */
export function loadKubeconfig(file: string, contextName?: string): ServerConnection {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`kubeconfig ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return parseKubeconfig(text, file, contextName);
}

/** {@link loadKubeconfig} on text; `file` is named in errors and is what relative paths refer to. */
export function parseKubeconfig(text: string, file: string, contextName?: string): ServerConnection {
  const config = new Section(file, '', parseYaml(text, file));
  const currentContext = contextName ?? config.requireString('current-context');
  const context = config.namedEntry('contexts', currentContext, 'context');
  const cluster = config.namedEntry('clusters', context.requireString('cluster'), 'cluster');
  const user = config.namedEntry('users', context.requireString('user'), 'user');
  for (const unsupported of ['exec', 'auth-provider', 'username']) {
    if (user.has(unsupported)) user.fail(unsupported, 'this way to sign in is not supported');
  }
  const ca = cluster.dataOrFile('certificate-authority');
  const cert = user.dataOrFile('client-certificate');
  const key = user.dataOrFile('client-key');
  const token = user.optionalString('token') ?? user.fileText('tokenFile')?.trim();
  const serverName = cluster.optionalString('tls-server-name');
  if (cert !== undefined && key === undefined)
    user.fail('client-key', 'is missing, though there is a client-certificate');
  return {
    server: cluster.requireString('server'),
    insecureSkipTlsVerify: cluster.optionalBoolean('insecure-skip-tls-verify') ?? false,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`kubeconfig ${file} is not valid YAML: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** One mapping of the file, which knows its path for errors: `users[admin].user`. */
class Section {
  readonly #file: string;
  readonly #path: string;
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(file: string, path: string, value: unknown) {
    this.#file = file;
    this.#path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new UsageError(`kubeconfig ${file}: ${path === '' ? 'the file' : path} is not a mapping`);
    }
    this.#values = new Map(Object.entries(value));
  }

  fail(key: string, why: string): never {
    throw new UsageError(
      `kubeconfig ${this.#file}: ${this.#path}${this.#path === '' ? '' : '.'}${key} ${why}`,
    );
  }

  has(key: string): boolean {
    const value = this.#values.get(key);
    return value !== undefined && value !== null && value !== '';
  }

  optionalString(key: string): string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values.get(key);
    return typeof value === 'string' ? value : this.fail(key, 'is not a string');
  }

  requireString(key: string): string {
    return this.optionalString(key) ?? this.fail(key, 'is missing');
  }

  optionalBoolean(key: string): boolean | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values.get(key);
    return typeof value === 'boolean' ? value : this.fail(key, 'is not true or false');
  }

  /** The entry `name` of a list of `{name, <wrapped>: {…}}`. */
  namedEntry(list: string, name: string, wrapped: string): Section {
    const entries = this.#values.get(list);
    if (!Array.isArray(entries)) this.fail(list, 'is not a list');
    for (const entry of entries as readonly unknown[]) {
      const section = new Section(this.#file, `${list}[]`, entry);
      if (section.optionalString('name') !== name) continue;
      return new Section(this.#file, `${list}[${name}].${wrapped}`, section.#values.get(wrapped) ?? {});
    }
    return this.fail(list, `has no entry named "${name}"`);
  }

  /** `<key>-data` (base64) or the content of the file that `<key>` names. */
  dataOrFile(key: string): string | undefined {
    const data = this.optionalString(`${key}-data`);
    if (data === undefined) return this.fileText(key);
    const text = Buffer.from(data, 'base64').toString('utf8');
    return text.includes('-----BEGIN') ? text : this.fail(`${key}-data`, 'is not PEM text in base64');
  }

  fileText(key: string): string | undefined {
    const name = this.optionalString(key);
    if (name === undefined) return undefined;
    const path = isAbsolute(name) ? name : join(dirname(this.#file), name);
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      return this.fail(key, `names a file that cannot be read: ${(error as Error).message}`);
    }
  }
}
