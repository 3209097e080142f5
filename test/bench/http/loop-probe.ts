/** Loaded into a server by {@link LoopMeter}: notes what each turn of its loop costs in which requests are read. */
import { renameSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { Http2SecureServer, SecureServerOptions } from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import { quantile } from '../statistics.js';
import type { LoopTurns } from './loop-meter.js';

const file = new URL(import.meta.url).searchParams.get('file') ?? '';
let headsOfTurns: number[] = [];
let cpuMsOfTurns: number[] = [];
/** 0 until somebody has asked: looking costs some microseconds a turn. */
let sequence = 0;
let heads = 0;
let armed = false;
let cpuBeforeMs = 0;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Runs after what was read, once in each turn, for as long as requests come in each. */
function endOfTurn(): void {
  armed = false;
  if (heads === 0) return;
  headsOfTurns.push(heads);
  cpuMsOfTurns.push(cpuMs() - cpuBeforeMs);
  heads = 0;
  arm();
}

/** A turn begins with the end of the last one; or with its first request, when nobody looked at those before it. */
function arm(): void {
  if (armed) return;
  armed = true;
  cpuBeforeMs = cpuMs();
  setImmediate(endOfTurn);
}

const create = http2.createSecureServer;
const createObserved = (options: SecureServerOptions): Http2SecureServer => {
  const server = create(options);
  server.prependListener('stream', () => {
    if (sequence === 0) return;
    heads++;
    arm();
  });
  return server;
};
http2.createSecureServer = createObserved as typeof create;
syncBuiltinESMExports();

process.on('SIGUSR2', () => {
  const told: LoopTurns = {
    turns: cpuMsOfTurns.length,
    cpuP50Ms: quantile(cpuMsOfTurns, 0.5),
    cpuP99Ms: quantile(cpuMsOfTurns, 0.99),
    headsP99: quantile(headsOfTurns, 0.99),
    sequence: ++sequence,
  };
  headsOfTurns = [];
  cpuMsOfTurns = [];
  // Whole or not at all.
  writeFileSync(`${file}.new`, JSON.stringify(told));
  renameSync(`${file}.new`, file);
});
