/** Runs another plugin as a process, as the specification describes delegation. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { readJson } from './read-call.js';
import { readResult } from './read-result.js';
import { CniError, errorCodes } from './spec.js';
import type { AddResult, AttachmentCall, Command, NetworkCall } from './spec.js';

/** The answer of the plugin `type`, found in the folders of CNI_PATH; an error object becomes a CniError. */
export async function delegate(
  type: string,
  command: Command,
  call: AttachmentCall | NetworkCall,
): Promise<AddResult> {
  const executable = findPlugin(type, call.pluginFolders);
  const environment: Record<string, string> = {
    CNI_COMMAND: command,
    CNI_PATH: call.pluginFolders.join(':'),
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  };
  if ('containerId' in call) {
    environment['CNI_CONTAINERID'] = call.containerId;
    environment['CNI_IFNAME'] = call.interfaceName;
    environment['CNI_NETNS'] = call.namespacePath;
    environment['CNI_ARGS'] = Object.entries(call.args)
      .map(([key, value]) => `${key}=${value}`)
      .join(';');
  }
  const { exitCode, stdout } = await execute(executable, environment, JSON.stringify(call.config.raw));
  if (exitCode !== 0) throw reportedError(type, stdout, exitCode);
  return stdout.trim() === '' ? {} : readResult(readJson(stdout));
}

function findPlugin(type: string, folders: readonly string[]): string {
  if (type.includes('/')) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"ipam.type" must be a plugin's name, but is ${type}`,
    );
  }
  for (const folder of folders) {
    const path = join(folder, type);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder (or not executable there): the next one may have it.
    }
  }
  throw new CniError(
    errorCodes.invalidConfiguration,
    `"ipam.type" names the plugin "${type}", which is in none of the folders of CNI_PATH (${folders.join(', ')})`,
  );
}

async function execute(
  path: string,
  environment: Record<string, string>,
  stdin: string,
): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A plugin need not read its stdin; its exit status tells what happened.
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ exitCode: code ?? 1, stdout: Buffer.concat(chunks).toString('utf8') });
    });
    child.stdin.end(stdin);
  });
}

function reportedError(type: string, stdout: string, exitCode: number): CniError {
  try {
    const report = readJson(stdout);
    if (typeof report['code'] === 'number' && typeof report['msg'] === 'string') {
      return new CniError(report['code'], report['msg']);
    }
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    // Not JSON: the text itself is all there is to tell.
  }
  return new CniError(
    errorCodes.ioFailure,
    `the plugin "${type}" ended with status ${exitCode}: ${stdout.trim()}`,
  );
}
