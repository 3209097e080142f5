/** Bodies as they arrive, or do not. */
import { PassThrough } from 'node:stream';
import t from 'tap';
import { readBody } from '../../../apiserver/http/body.js';

type BodyExchange = Parameters<typeof readBody>[0];

const exchangeOf = (body: PassThrough, bodyTimeoutMs = 60_000): BodyExchange => ({
  body: body,
  bodyTimeoutMs,
  closeAfterAnswer: () => undefined,
});
const gone = { reason: 'BadRequest', message: /went away/ };

void t.test('a whole body, whether it came before or after somebody reads', async (t) => {
  const early = new PassThrough();
  early.end('early');
  t.equal((await readBody(exchangeOf(early))).toString(), 'early');
  const late = new PassThrough();
  const reading = readBody(exchangeOf(late));
  late.write('la');
  late.end('te');
  t.equal((await reading).toString(), 'late');
});

void t.test('a client that leaves in the middle', async (t) => {
  const body = new PassThrough();
  const reading = readBody(exchangeOf(body));
  body.write('{"half":');
  body.destroy();
  await t.rejects(reading, gone);
});

void t.test('a client that left before anybody read is not waited for', async (t) => {
  const body = new PassThrough();
  body.write('{"half":');
  body.destroy();
  await new Promise((resolve) => body.once('close', resolve));
  await t.rejects(readBody(exchangeOf(body)), gone);
});
