/** One or more API servers on some store, with the faults that can be done to them. */
import type { TestPki } from '../support/pki.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import type { Fault } from './fault.js';
import type { Identity } from './transport.js';

export interface Setup {
  readonly name: string;
  /** Where clients reach each server: through a proxy that can be hurt. */
  readonly servers: readonly Identity[];
  readonly faults: readonly Fault[];
  /** Faults that there cannot be here, each with the reason. */
  readonly missing: readonly string[];
  /** How often a process ended without being told to. */
  ends(): number;
  /** The logs of all processes, for who looks into a violation. */
  readonly logFolder: string;
  /** Ends all processes and removes all that there was. */
  stop(): Promise<void>;
}

export interface SetupOptions {
  /** Names of the faults that are wanted: a slow disk costs a stack of file systems. */
  readonly wants: (fault: string) => boolean;
}

/** An administrator who reaches the server behind this proxy. */
export function identityFor(pki: TestPki, proxy: TcpProxy): Identity {
  const { certificate: cert, privateKey: key } = pki.pair('admin');
  return { url: proxy.endpoint.replace('http:', 'https:'), ca: pki.authority, cert, key };
}
