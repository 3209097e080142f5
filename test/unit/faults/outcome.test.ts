/** What an answer says about a write. */
import t from 'tap';
import { outcomeOf } from '../../faults/outcome.js';
import type { Reply } from '../../faults/transport.js';

const answered = (status: number, resourceVersion?: string): Reply => ({
  kind: 'answered',
  status,
  json: { metadata: { resourceVersion } } as never,
});

void t.test('outcomes', async (t) => {
  t.strictSame(outcomeOf('create', answered(201, '7')), { kind: 'written', revision: 7 });
  t.strictSame(outcomeOf('update', answered(200, '8')), { kind: 'written', revision: 8 });
  t.strictSame(outcomeOf('delete', answered(200)), { kind: 'deleted' });
  t.strictSame(outcomeOf('create', answered(409)), { kind: 'refused', reason: 'exists' });
  t.strictSame(outcomeOf('update', answered(409)), { kind: 'refused', reason: 'conflict' });
  t.strictSame(outcomeOf('delete', answered(409)), { kind: 'refused', reason: 'conflict' });
  t.strictSame(outcomeOf('delete', answered(404)), { kind: 'refused', reason: 'missing' });
  t.strictSame(outcomeOf('patch', answered(409)), { kind: 'refused', reason: 'unavailable' });
  for (const status of [429, 503])
    t.strictSame(outcomeOf('update', answered(status)), { kind: 'refused', reason: 'unavailable' });
  t.strictSame(outcomeOf('update', answered(504)), { kind: 'unknown' });
  t.strictSame(outcomeOf('update', { kind: 'lost' }), { kind: 'unknown' });
  t.equal(outcomeOf('update', { kind: 'not sent' }), undefined);
  for (const status of [403, 500])
    t.throws(() => outcomeOf('update', answered(status)), new RegExp(`a update was answered with ${status}`));
});
