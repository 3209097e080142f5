/** Logging in to an etcd that has users: one token for all calls, fetched when it is needed and when it is refused. */
import { Metadata } from '@grpc/grpc-js';
import { EtcdCallError } from './etcd-errors.js';

export interface EtcdCredentials {
  readonly user: string;
  readonly password: string;
}

/** Whoever sends this is refused at once by a member that knows of no leader, instead of being kept waiting. */
const requireLeader = { hasleader: 'true' };

export class EtcdAuth {
  readonly #credentials: EtcdCredentials | undefined;
  readonly #logIn: (credentials: EtcdCredentials) => Promise<string>;
  #metadata: Promise<Metadata> | undefined;

  /** `logIn` asks a member for a token; it rejects with EtcdCallError. */
  constructor(
    credentials: EtcdCredentials | undefined,
    logIn: (credentials: EtcdCredentials) => Promise<string>,
  ) {
    this.#credentials = credentials;
    this.#logIn = logIn;
  }

  /** What goes along with every call. Calls at the same time share one log-in. Rejects with the error of it. */
  metadata(): Promise<Metadata> {
    this.#metadata ??= this.#make();
    return this.#metadata;
  }

  /** The token in these was refused: the next call logs in again, unless somebody has done so already. */
  forget(metadata = this.#metadata): void {
    if (this.#metadata === metadata) this.#metadata = undefined;
  }

  /** True when there is a token that can be renewed. */
  get renewable(): boolean {
    return this.#credentials !== undefined;
  }

  #make(): Promise<Metadata> {
    const made = this.#fetch();
    made.catch(() => {
      this.forget(made);
    });
    return made;
  }

  async #fetch(): Promise<Metadata> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(requireLeader)) metadata.set(name, value);
    if (this.#credentials === undefined) return metadata;
    try {
      metadata.set('token', await this.#logIn(this.#credentials));
    } catch (error) {
      // Users are made before authentication is switched on: until then nobody asks for a token.
      if (!(error instanceof EtcdCallError) || !error.message.includes('authentication is not enabled'))
        throw error;
    }
    return metadata;
  }
}
