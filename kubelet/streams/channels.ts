/** The channel protocol of exec and attach over WebSocket, v5: one byte says which channel a message belongs to. Pure. */

export const channelProtocol = 'v5.channel.k8s.io';

export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
export type ChannelName = keyof typeof channels;
/** In place of a channel: the next byte names the channel that gets no more. New in v5. */
const closeSignal = 255;

export type ChannelMessage =
  | { readonly kind: 'data'; readonly channel: ChannelName; readonly payload: Buffer }
  | { readonly kind: 'close'; readonly channel: ChannelName }
  | { readonly kind: 'unknown'; readonly channel: number };

const names = Object.keys(channels) as ChannelName[];

export function readChannelMessage(message: Buffer): ChannelMessage | undefined {
  const [first, second] = message;
  if (first === undefined) return undefined;
  if (first === closeSignal) {
    const channel = names[second ?? closeSignal];
    return channel === undefined
      ? { kind: 'unknown', channel: second ?? closeSignal }
      : { kind: 'close', channel };
  }
  const channel = names[first];
  if (channel === undefined) return { kind: 'unknown', channel: first };
  return { kind: 'data', channel, payload: message.subarray(1) };
}

export function channelMessage(channel: ChannelName, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([channels[channel]]), payload]);
}

export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The streams that v4 of the SPDY protocol opens for a request: the error stream always, resize with a terminal. */
export function streamsOf({ stdin, stdout, stderr, tty }: WantedStreams): ChannelName[] {
  const wanted: [ChannelName, boolean][] = [
    ['error', true],
    ['stdin', stdin],
    ['stdout', stdout],
    ['stderr', stderr && !tty],
    ['resize', tty],
  ];
  return wanted.filter(([, isWanted]) => isWanted).map(([name]) => name);
}
