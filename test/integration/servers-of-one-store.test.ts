/** Servers that share a store and do not believe each other's service account tokens: it is said, once, by whom and of whom. */
import t from 'tap';
import { readSigningKey } from '../../apiserver/service-accounts/signing-keys.js';
import { silentLogger } from '../../common/log.js';
import type { LogFields, Logger } from '../../common/log.js';
import { createSigningKey } from '../../common/signing-key.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { testTokenOptions } from '../support/signing-key.js';
import { until } from '../support/until.js';

void t.test('a server whose tokens another one refuses says so', async (t) => {
  const warnings: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (message, fields) => warnings.push({ message, fields }),
    child: () => log,
  };
  const first = await startFixture();
  t.teardown(() => first.stop());
  const shared = { store: first.store, keepStore: true, log };
  const own = readSigningKey((await createSigningKey()).privateKey, 'the test');
  const stranger = await startFixture({
    ...shared,
    advertiseAddress: '192.0.2.2',
    serviceAccountTokens: { ...(await testTokenOptions()), signingKey: own },
  });
  t.teardown(() => stranger.stop());
  const found = await until('the warning', () => warnings.find(({ message }) => message.includes('tokens')));
  t.match(found.message, '--service-account-signing-key-file');
  t.match(found.fields, { server: `192.0.2.1:${first.server.port}` });
  t.equal(warnings.filter(({ message }) => message === found.message).length, 1, 'not of itself');
});
