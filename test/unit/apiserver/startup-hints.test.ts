/** When a Pod's hints on its start are refused. What they may say is tested with their parser. */
import t from 'tap';
import { Violations } from '../../../api/field-path.js';
import { startupHintWarnings, validateStartupHints } from '../../../apiserver/resources/pod/startup-hints.js';
import { makePod } from '../../support/scheduling-objects.js';

type Annotations = Readonly<Record<string, string>>;

const [admission, after] = ['startup.knarr.io/admission', 'startup.knarr.io/after'];

function refusedFields(annotations: Annotations, before?: Annotations): readonly (string | undefined)[] {
  const violations = new Violations();
  const pod = makePod({ name: 'p', annotations });
  const old = before === undefined ? undefined : makePod({ name: 'p', annotations: before });
  validateStartupHints(pod, old, violations);
  return violations.causes.map(({ field }) => field);
}

await t.test('only what is new is refused', (t) => {
  for (const [annotations, before, refused] of [
    [{}, undefined, []],
    [{ [admission]: 'skip', other: '' }, undefined, []],
    [{ [admission]: 'yes' }, undefined, [admission]],
    [{ [admission]: 'yes' }, {}, [admission]],
    [{ [admission]: 'yes', other: 'changed' }, { [admission]: 'yes' }, []],
    [{ [admission]: 'no' }, { [admission]: 'yes' }, [admission]],
    [{ [admission]: 'no', [after]: 'x' }, { [admission]: 'no' }, [after]],
    [{}, { [admission]: 'yes' }, []],
    [{ [admission]: 'yes', 'kubernetes.io/config.mirror': 'hash' }, undefined, []],
  ] as readonly (readonly [Annotations, Annotations | undefined, readonly string[]])[])
    t.same(
      refusedFields(annotations, before),
      refused.map((name) => `metadata.annotations[${name}]`),
      JSON.stringify([annotations, before]),
    );
  t.end();
});

await t.test('a template is warned of', (t) => {
  t.same(startupHintWarnings({ [admission]: 'skip' }, 'spec.template.metadata.annotations'), []);
  t.same(startupHintWarnings({ [admission]: 'yes' }, 'spec.template.metadata.annotations'), [
    `spec.template.metadata.annotations[${admission}]: must be skip, or must not be set; pods with it are refused`,
  ]);
  t.end();
});
