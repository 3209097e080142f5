/**
 * Netlink sockets through libc: Node has no netlink, and a `ip` process per change costs more than the change.
 *
 * The kernel answers route and netfilter requests before `send` returns, so that a request and its answer are
 * two short system calls on the calling thread and never wait. What does wait in the kernel (the removal of a
 * network device) has {@link NetlinkSocket.requestAsync}, which runs on a worker thread.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { attributeText, flags, parseAttributes, parseMessages } from './message.js';
import type { NetlinkMessage } from './message.js';

/** NETLINK_ROUTE: links, addresses, routes. NETLINK_NETFILTER: conntrack, nftables. */
export const families = { route: 0, netfilter: 12 } as const;

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_MULTI = 0x2;
const NLM_F_CAPPED = 0x100;
const NLMSGERR_ATTR_MSG = 1;
const receiveBytes = 64 * 1024;

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)') as (...numbers: number[]) => number;
const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)') as (
  fd: number,
  level: number,
  name: number,
  value: Uint8Array,
  length: number,
) => number;
const send = libc.func('long send(int, const uint8_t *, size_t, int)') as ((
  fd: number,
  bytes: Uint8Array,
  length: number,
  sendFlags: number,
) => number) & {
  async(
    fd: number,
    bytes: Uint8Array,
    length: number,
    sendFlags: number,
    done: (error: unknown, result: number) => void,
  ): void;
};
const receive = libc.func('long recv(int, _Out_ uint8_t *, size_t, int)') as (
  fd: number,
  bytes: Uint8Array,
  length: number,
  receiveFlags: number,
) => number;
const close = libc.func('int close(int)') as (fd: number) => number;

/** The kernel refused a request, or the socket failed. `code` is the name of the errno: EEXIST, ENODEV, … */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly code: string;
  /** Which message of the request failed, counted from 1; 0 when the socket itself failed. */
  readonly sequence: number;

  constructor(errno: number, what: string, sequence = 0) {
    const code = getSystemErrorName(-Math.abs(errno));
    super(what === '' ? code : `${what} (${code})`);
    this.code = code;
    this.sequence = sequence;
  }
}

/** True when `error` is the kernel's answer with one of these errno names. */
export function isNetlinkError(error: unknown, ...codes: readonly string[]): error is NetlinkError {
  return error instanceof NetlinkError && codes.includes(error.code);
}

/**
 * One netlink socket, in the network namespace that the thread was in when it was opened. For one caller at a
 * time; `request` and `query` are synchronous, so nothing of the same thread comes in between.
 */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(receiveBytes);
  #closed = false;

  constructor(family: number) {
    this.#fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, family);
    if (this.#fd < 0) throw new NetlinkError(koffi.errno(), 'cannot open a netlink socket');
    // Sentences instead of bare numbers in errors; kernels before 4.12 do not know it, which does no harm.
    setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, Uint8Array.of(1, 0, 0, 0), 4);
  }

  /** Sends messages that all ask for an acknowledgement, and throws the first refusal. */
  request(bytes: Buffer, acknowledgements: number): void {
    this.#send(bytes);
    this.#awaitAcknowledgements(acknowledgements);
  }

  /** Like `request` for one message, with the wait in the kernel spent on a worker thread. */
  async requestAsync(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      send.async(this.#fd, bytes, bytes.length, 0, (error, sent) => {
        if (error !== null && error !== undefined) {
          reject(new Error('cannot send to netlink', { cause: error }));
        } else if (sent < 0) reject(new NetlinkError(koffi.errno(), 'cannot send to netlink'));
        else resolve();
      });
    });
    this.#awaitAcknowledgements(1);
  }

  /** Sends one question and returns the answers: one message, or all parts of a dump. */
  query(bytes: Buffer): NetlinkMessage[] {
    this.#send(bytes);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      for (const message of parseMessages(this.#receive())) {
        if (message.type === NLMSG_DONE) return answers;
        throwIfRefused(message);
        // The receive buffer is used again for the next part.
        answers.push({ ...message, payload: Buffer.from(message.payload) });
        if ((message.flags & NLM_F_MULTI) === 0) return answers;
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    close(this.#fd);
  }

  #send(bytes: Buffer): void {
    if (send(this.#fd, bytes, bytes.length, 0) < 0) {
      throw new NetlinkError(koffi.errno(), 'cannot send to netlink');
    }
  }

  #receive(): Buffer {
    const length = receive(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
    if (length < 0) throw new NetlinkError(koffi.errno(), 'cannot receive from netlink');
    return this.#buffer.subarray(0, length);
  }

  /** Reads all answers before it throws, so that the socket can be used again. */
  #awaitAcknowledgements(count: number): void {
    let failure: unknown;
    for (let seen = 0; seen < count;) {
      for (const message of parseMessages(this.#receive())) {
        if (message.type !== NLMSG_ERROR) continue;
        seen++;
        try {
          throwIfRefused(message);
        } catch (error) {
          failure ??= error;
        }
      }
    }
    if (failure !== undefined) throw failure as Error;
  }
}

/** An error message holds the errno (0 is an acknowledgement), the request, and perhaps a sentence. */
function throwIfRefused(message: NetlinkMessage): void {
  if (message.type !== NLMSG_ERROR) return;
  const errno = message.payload.readInt32LE(0);
  if (errno === 0) return;
  const requestBytes = (message.flags & NLM_F_CAPPED) !== 0 ? 16 : message.payload.readUInt32LE(4);
  const attributes = parseAttributes(message.payload.subarray(4 + ((requestBytes + 3) & ~3)));
  throw new NetlinkError(errno, attributeText(attributes.get(NLMSGERR_ATTR_MSG)), message.sequence);
}

/** The flags of a request that creates something and is acknowledged. */
export const createExclusive = flags.acknowledge | flags.create | flags.exclusive;
