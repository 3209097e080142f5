import t from 'tap';
import type { KubernetesObject } from '../../../api/objects.js';
import { configMaps } from '../../../api/resources.js';
import { selectEvent } from '../../../apiserver/handlers/select-event.js';
import { ObjectCodec } from '../../../apiserver/storage/object-codec.js';
import { StoredObject } from '../../../apiserver/storage/stored-object.js';

const codec = new ObjectCodec(configMaps) as unknown as ObjectCodec;

function stored(selected: boolean, revision: number): StoredObject {
  const object = { metadata: { name: 'a', labels: { on: String(selected) } } } as unknown as KubernetesObject;
  return new StoredObject(
    codec,
    { key: 'k', value: codec.encode(object), createRevision: 1, modRevision: revision },
    revision,
  );
}

const matches = ({ object }: StoredObject): boolean => object.metadata.labels?.['on'] === 'true';
const departed = (previous: StoredObject, revision: number): StoredObject =>
  new StoredObject(codec, previous.record, revision);

interface Case {
  readonly name: string;
  readonly before: boolean | undefined;
  readonly after: boolean | 'deleted';
  readonly seen: string | undefined;
}

const cases: readonly Case[] = [
  { name: 'created inside', before: undefined, after: true, seen: 'ADDED' },
  { name: 'created outside', before: undefined, after: false, seen: undefined },
  { name: 'changed inside', before: true, after: true, seen: 'MODIFIED' },
  { name: 'changed outside', before: false, after: false, seen: undefined },
  { name: 'comes into sight', before: false, after: true, seen: 'ADDED' },
  { name: 'goes out of sight', before: true, after: false, seen: 'DELETED' },
  { name: 'deleted inside', before: true, after: 'deleted', seen: 'DELETED' },
  { name: 'deleted outside', before: false, after: 'deleted', seen: undefined },
];

for (const { name, before, after, seen } of cases) {
  void t.test(name, async (t) => {
    const previous = before === undefined ? undefined : stored(before, 4);
    const current = after === 'deleted' ? departed(previous ?? stored(false, 4), 5) : stored(after, 5);
    const event = { type: after === 'deleted' ? 'delete' : 'put', current, previous } as const;
    const result = selectEvent(event, matches, departed);
    t.equal(result?.type, seen);
    if (result === undefined) return;
    t.equal(result.object.object.metadata.resourceVersion, '5', 'with the revision of the change');
    t.equal(matches(result.object), true, 'in a state that the watcher selected');
  });
}
