/** The front door lets requests in at the pace that it is told, whatever a client sends in one packet. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap from 'tap';
import { readBody } from '../../../apiserver/http/body.js';
import { listen } from '../../../apiserver/http/listener.js';
import { testPki } from '../../support/pki.js';
import { until } from '../../support/until.js';

await tap.test('a request is begun when its connection has its turn', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-listener-'));
  const pki = await testPki(folder);
  const { certificate: cert, privateKey: key } = pki.pair('apiserver');
  const waiting: { readonly connection: object; readonly begin: () => void }[] = [];
  const begun: string[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    tls: { cert, key },
    intake: (connection) =>
      new Promise((resolve) => {
        waiting.push({ connection, begin: resolve });
      }),
    onRequest: (exchange) => {
      begun.push(exchange.path);
      void readBody(exchange).then((body) => {
        exchange.respond(200, {}, body);
      });
    },
    onUpgrade: () => undefined,
  });
  const session = connect(`https://127.0.0.1:${listener.port}`, { ca: pki.authority });
  t.teardown(async () => {
    session.destroy();
    await listener.stop(0);
    rmSync(folder, { recursive: true, force: true });
  });
  const posted = session.request({ ':method': 'POST', ':path': '/posted' });
  posted.end('what was sent before anybody read it');
  const reset = session.request({ ':path': '/reset' });
  reset.on('error', () => undefined);
  const got = session.request({ ':path': '/got' });
  await until('three requests wait', () => waiting.length === 3);
  t.strictSame(begun, [], 'nothing is begun out of turn');
  t.equal(new Set(waiting.map(({ connection }) => connection)).size, 1, 'all are of one connection');

  reset.close(constants.NGHTTP2_CANCEL);
  await new Promise((resolve) => reset.once('close', resolve));
  // What the server has answered to a ping came after what was sent before it.
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  for (const { begin } of waiting) begin();
  const answer = async (stream: typeof got): Promise<string> => {
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  };
  t.equal(await answer(posted), 'what was sent before anybody read it');
  t.equal(await answer(got), '');
  t.strictSame(begun, ['/posted', '/got'], 'a request that was taken back is never begun');
});
