/** An RSA key pair that signs tokens: NAME.key (PKCS #8) and NAME.pub (SubjectPublicKeyInfo), both PEM. */
import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export function signingKeyFile(folder: string, name: string): string {
  return join(folder, `${name}.key`);
}

export function signingPublicKeyFile(folder: string, name: string): string {
  return join(folder, `${name}.pub`);
}

export interface SigningKeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** A fresh key of 2048 bits. Takes some tenths of a second, off the main thread. */
export async function createSigningKey(): Promise<SigningKeyPair> {
  return toPem((await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })).privateKey);
}

/**
 * Makes `folder` hold the pair. Idempotent: a key that is there stays, as tokens in use are signed by it; a missing
 * public half is derived from it. Rejects when the file cannot be parsed, naming it. Not to be run twice at a time on
 * one folder.
 */
export async function ensureSigningKey(folder: string, name: string): Promise<SigningKeyPair> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = signingKeyFile(folder, name);
  const present = await readIfThere(file);
  const pair = present === undefined ? await createSigningKey() : parse(present, file);
  if (present === undefined) await writeBeside(file, pair.privateKey, 0o600);
  const publicFile = signingPublicKeyFile(folder, name);
  if ((await readIfThere(publicFile)) !== pair.publicKey)
    await writeBeside(publicFile, pair.publicKey, 0o644);
  return pair;
}

function parse(pem: string, file: string): SigningKeyPair {
  try {
    return toPem(createPrivateKey(pem));
  } catch (cause) {
    throw new Error(`${file} is damaged: remove it to have it made again; tokens in use become invalid`, {
      cause,
    });
  }
}

function toPem(privateKey: KeyObject): SigningKeyPair {
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    publicKey: createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }) as string,
  };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes beside and renames, so that a crash leaves no half file. */
async function writeBeside(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
