/** Requests that wait for something when the server stops are told that it stops, not that it has a fault. */
import t from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';

void t.test('who waits for a revision is told to come back', async (t) => {
  const fixture = await startFixture();
  t.teardown(() => fixture.stop());
  const path = '/api/v1/namespaces/default/configmaps?resourceVersion=1000000';
  const waiting = ['', '&watch=true', '&watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'];
  let settled = 0;
  const answers = waiting.map((more) =>
    fixture.request('GET', `${path}${more}`).finally(() => {
      settled += 1;
    }),
  );
  // On the same connection, so that the others have arrived by then.
  t.equal((await fixture.request('GET', '/version')).status, 200);
  t.equal(settled, 0);
  await fixture.server.stop();
  for (const answer of await Promise.all(answers)) {
    t.equal(answer.status, 503, answer.text);
    t.equal(answer.headers['retry-after'], '1');
  }
  t.strictSame(fixture.errors, []);
});
