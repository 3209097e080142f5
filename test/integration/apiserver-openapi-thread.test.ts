/** The first OpenAPI documents are half a second of work: nobody waits for them. */
import t from 'tap';
import { buildDocument } from '../../api/openapi/build-document.js';
import { resourceDefinitions } from '../../api/resources.js';
import { loadSchema } from '../../api/schema/load.js';
import { startFixture } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const gnostic = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

void t.test('others are answered while a document is built', async (t) => {
  const state = { isBuilt: false };
  const document = fixture
    .request('GET', '/openapi/v2', undefined, { headers: { accept: gnostic } })
    .finally(() => {
      state.isBuilt = true;
    });
  let answered = 0;
  while (!state.isBuilt && answered < 1_000) {
    const { status } = await fixture.request('GET', '/readyz');
    if (status === 200) answered++;
    else t.fail(`/readyz answers ${status}`);
  }
  const { status, headers } = await document;
  t.equal(status, 200);
  t.ok(answered > 3, `${answered} answers meanwhile`);
  const source = {
    schema: loadSchema(),
    resources: resourceDefinitions,
    custom: new Map<string, never>(),
    version: 'v1.35.0+knarr',
  };
  t.equal(headers['etag'], buildDocument(source, 'v2 protobuf').etag, 'it is the document built here');
});
