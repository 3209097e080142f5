/** The key pair of tokens: made once, kept, mended, never replaced silently. */
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ensureSigningKey, signingKeyFile, signingPublicKeyFile } from '../../../common/signing-key.js';

const folder = mkdtempSync(join(tmpdir(), 'knarr-signing-'));
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

const first = await ensureSigningKey(folder, 'sa');

await t.test('made readable by its owner alone', async (t) => {
  t.equal(createPrivateKey(first.privateKey).asymmetricKeyDetails?.modulusLength, 2048);
  t.equal(statSync(signingKeyFile(folder, 'sa')).mode & 0o777, 0o600);
  t.equal(readFileSync(signingPublicKeyFile(folder, 'sa'), 'utf8'), first.publicKey);
});

await t.test('kept, and its public half made again', async (t) => {
  rmSync(signingPublicKeyFile(folder, 'sa'));
  t.strictSame(await ensureSigningKey(folder, 'sa'), first);
  t.equal(readFileSync(signingPublicKeyFile(folder, 'sa'), 'utf8'), first.publicKey);
});

await t.test('a damaged key is not replaced', async (t) => {
  writeFileSync(signingKeyFile(folder, 'sa'), 'torn');
  await t.rejects(ensureSigningKey(folder, 'sa'), { message: /sa\.key is damaged/ });
  t.equal(readFileSync(signingKeyFile(folder, 'sa'), 'utf8'), 'torn');
});
