/**
 * Exec and attach between a client that speaks the channel protocol v5 over WebSocket and a runtime that speaks SPDY:
 * only SPDY and v5 can say that standard input has ended while the output goes on.
 *
 * Each side is read no faster than the other one takes. The session is over when the runtime has said how the command
 * ended and all output has been passed on, or when either connection is.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { channelMessage, readChannelMessage, streamsOf } from './channels.js';
import type { ChannelName, WantedStreams } from './channels.js';
import { SpdySession } from './spdy-session.js';

/** So much may wait for a slow client before the runtime's output is left unread. */
const maxBufferedBytes = 1024 * 1024;
const closeNormal = 1000;
const closeProtocolError = 1002;

/** Owns both connections from here on; returns at once. */
export function translateChannels(client: WebSocket, runtime: Socket, wanted: WantedStreams): void {
  const names = streamsOf(wanted);
  const streamIds = new Map<ChannelName, number>();
  const channelsByStream = new Map<number, ChannelName>();
  /** What the runtime has not ended yet. */
  const open = new Set<ChannelName>(names.filter((name) => name !== 'stdin' && name !== 'resize'));
  let unsentBytes = 0;

  const session = new SpdySession(runtime, {
    onData: (streamId, payload) => {
      const channel = channelsByStream.get(streamId);
      if (channel === undefined || client.readyState !== client.OPEN) return;
      send(channel, payload);
    },
    onEnd: (streamId) => {
      const channel = channelsByStream.get(streamId);
      if (channel === undefined || !open.delete(channel) || open.size > 0) return;
      client.close(closeNormal);
    },
    onClose: () => {
      // A paused client would not see the answer to its close.
      client.resume();
      client.close(closeNormal);
    },
  });
  for (const name of names) {
    const id = session.open({ streamtype: name });
    streamIds.set(name, id);
    channelsByStream.set(id, name);
  }

  const send = (channel: ChannelName, payload: Buffer): void => {
    unsentBytes += payload.length;
    if (unsentBytes > maxBufferedBytes) session.pause();
    client.send(channelMessage(channel, payload), () => {
      unsentBytes -= payload.length;
      if (unsentBytes <= maxBufferedBytes) session.resume();
    });
  };
  session.onDrain(() => {
    client.resume();
  });
  client.on('message', (data: Buffer) => {
    const message = readChannelMessage(data);
    if (message === undefined) return;
    if (message.kind === 'unknown') {
      client.close(closeProtocolError, `there is no channel ${String(message.channel)}`);
      return;
    }
    const streamId = streamIds.get(message.channel);
    const isForRuntime = message.channel === 'stdin' || message.channel === 'resize';
    if (streamId === undefined || !isForRuntime) return;
    const isEnd = message.kind === 'close';
    if (!session.send(streamId, isEnd ? Buffer.alloc(0) : message.payload, isEnd)) client.pause();
  });
  client.on('error', () => {
    // 'close' follows.
  });
  client.once('close', () => {
    session.close();
  });
  // An empty message tells the client that the command's streams are there.
  const first = names.find((name) => name === 'stdout') ?? names.find((name) => name === 'stderr') ?? 'error';
  send(first, Buffer.alloc(0));
}
