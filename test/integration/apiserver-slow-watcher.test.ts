/** A watcher that does not read costs a bounded number of bytes, and is told 410 when it reads again. */
import { connect } from 'node:http2';
import t from 'tap';
import { startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;
const path = '/api/v1/namespaces/default/configmaps';

await t.test(
  'what it missed is more than the ring holds: 410, and the heap did not grow by it',
  async (t) => {
    const list = await request('GET', path);
    const from = textOf(list.json['metadata']?.['resourceVersion']);
    const { certificate: cert, privateKey: key } = fixture.pki.pair('admin');
    const session = connect(fixture.url, { ca: fixture.pki.authority, cert, key });
    t.teardown(() => {
      session.destroy();
    });
    const stream = session.request({ ':path': `${path}?watch=true&resourceVersion=${from}` });
    stream.setEncoding('utf8');
    await new Promise((resolve) => stream.once('response', resolve));
    stream.pause();

    const value = 'x'.repeat(900_000);
    const writes = 30;
    const externalBefore = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < writes; index++) {
      const body = { metadata: { name: 'big' }, data: { value, index: String(index) } };
      const answer = await request(index === 0 ? 'POST' : 'PUT', index === 0 ? path : `${path}/big`, body);
      t.ok(answer.status < 300, `write ${index}: ${answer.status}`);
    }
    const heldBytes = process.memoryUsage().arrayBuffers - externalBefore;
    // The ring alone may hold 16 MiB; what was written is 27 MB, and each watcher's line of it as much again.
    t.ok(heldBytes < 3 * 16 * 1024 * 1024, `${heldBytes} bytes are held`);

    let text = '';
    stream.on('data', (piece: string) => {
      text += piece;
    });
    stream.resume();
    await new Promise((resolve) => stream.once('end', resolve));
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { code?: number; reason?: string } });
    t.ok(lines.length < writes, `${lines.length} lines`);
    t.match(lines.at(-1), { type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    t.ok(
      lines.slice(0, -1).every(({ type }) => type === 'ADDED' || type === 'MODIFIED'),
      'what came before are events',
    );
  },
);
