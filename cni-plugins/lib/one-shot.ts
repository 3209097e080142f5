/** A plugin as a process of its own: the way it runs when the daemon is down. Called by `main.ts` files only. */
import { readFileSync, writeSync } from 'node:fs';
import type { Environment } from './read-call.js';
import { runPlugin } from './run-plugin.js';
import type { Plugin } from './spec.js';

/** Reads stdin, runs the call, writes the answer to stdout; returns the exit status. */
export async function runOneShot(plugin: Plugin, environment: Environment): Promise<number> {
  const outcome = await runPlugin(plugin, environment, readFileSync(0, 'utf8'));
  if (outcome.stdout !== '') writeSync(1, outcome.stdout + '\n');
  return outcome.exitCode;
}
