/**
 * The Container Network Interface as types: what a runtime passes to a plugin and what it gets back.
 * Specification: https://www.cni.dev/docs/spec/ (1.1.0, with the older result forms back to 0.3.0).
 */

/** Newest last. A runtime picks one of these in `cniVersion`; the answer is in the form of that version. */
export const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof supportedVersions)[number];

export type Command = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** The first version of the specification that knows the command. */
export const firstVersionOf: Readonly<Record<Command, CniVersion>> = {
  ADD: '0.3.0',
  DEL: '0.3.0',
  VERSION: '0.3.0',
  CHECK: '0.4.0',
  GC: '1.1.0',
  STATUS: '1.1.0',
};

/** Error codes below 100 are fixed by the specification; plugins own those from 100. */
export const errorCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfiguration: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  /** The kernel refused a change of a network device, an address or a route. */
  networkFailure: 100,
  /** No free address is left in the ranges. */
  rangeExhausted: 101,
  /** CHECK found something that is not as ADD left it. */
  checkFailed: 102,
} as const;

/** The one error of plugins: becomes the error object on stdout and a non-zero exit status. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  /** Longer text beside the message, for the one who reads logs. */
  readonly details: string | undefined;

  constructor(
    code: number,
    message: string,
    options?: { readonly details?: string; readonly cause?: unknown },
  ) {
    super(message, { cause: options?.cause });
    this.code = code;
    this.details = options?.details;
  }
}

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  /** Path of the network namespace; absent for a device on the host. */
  readonly sandbox?: string;
}

export interface ResultAddress {
  /** In CIDR form, `10.244.0.5/32`. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into the result's interfaces. */
  readonly interface?: number;
}

export interface Route {
  readonly dst: string;
  readonly gw?: string;
}

export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** What ADD made, in the form of version 1.0.0 and newer. */
export interface AddResult {
  readonly interfaces?: readonly ResultInterface[];
  readonly ips?: readonly ResultAddress[];
  readonly routes?: readonly Route[];
  readonly dns?: Dns;
}

/** One attachment: the pair that identifies it in every command. */
export interface Attachment {
  readonly containerId: string;
  readonly interfaceName: string;
}

/** The network configuration that came on stdin, with the keys that all plugins share read and checked. */
export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  /** Name of the network: unique on the host. */
  readonly name: string;
  readonly type: string;
  /** What the plugins before this one made (ADD), or all of them together (CHECK). Not read for DEL. */
  readonly prevResult: AddResult | undefined;
  /** GC only: the attachments that the runtime still knows. */
  readonly validAttachments: readonly Attachment[];
  readonly dns: Dns | undefined;
  /** Everything as it came, for the keys of the plugin itself. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** A call of ADD, DEL or CHECK after the shared checks. */
export interface AttachmentCall extends Attachment {
  /** Path of the container's network namespace. Empty in a DEL whose namespace is gone. */
  readonly namespacePath: string;
  /** Pairs of CNI_ARGS. */
  readonly args: Readonly<Record<string, string>>;
  /** Folders with plugins, from CNI_PATH. */
  readonly pluginFolders: readonly string[];
  readonly config: NetworkConfig;
}

/** A call of GC or STATUS: about the network and not about one attachment. */
export interface NetworkCall {
  readonly pluginFolders: readonly string[];
  readonly config: NetworkConfig;
}

/**
 * What a plugin does. Failures are thrown as {@link CniError}; `add` leaves nothing behind when it throws;
 * `delete` succeeds when there is nothing to delete. Calls for different attachments may run concurrently, in
 * this process and in others.
 */
export interface Plugin {
  readonly name: string;
  add(call: AttachmentCall): Promise<AddResult>;
  delete(call: AttachmentCall): Promise<void>;
  /** Throws CniError when what `add` made is not there any more. */
  check(call: AttachmentCall): Promise<void>;
  /** Removes what belongs to attachments that are not in `config.validAttachments`. */
  collectGarbage(call: NetworkCall): Promise<void>;
  /** Throws CniError (code 50) when an ADD could not succeed now. */
  status(call: NetworkCall): Promise<void>;
}
