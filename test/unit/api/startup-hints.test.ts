import t from 'tap';
import { noStartupHints, parseStartupHints } from '../../../api/startup-hints.js';
import type { StartupHints } from '../../../api/startup-hints.js';

void t.test('hints that can be read', (t) => {
  const table: [Record<string, string>, Partial<StartupHints>][] = [
    [{}, {}],
    [{ 'other.io/admission': 'anything' }, {}],
    [{ admission: 'skip' }, { skipsAdmission: true }],
    [
      { after: 'pod/db-0, service/infra/registry,pod/db-0' },
      {
        after: [
          { kind: 'pod', namespace: undefined, name: 'db-0' },
          { kind: 'service', namespace: 'infra', name: 'registry' },
        ],
      },
    ],
    [
      { 'after-timeout': '1h', 'slot-timeout': '90s', 'spare-for': '0' },
      { afterTimeoutMs: 3_600_000, slotTimeoutMs: 90_000, spareForMs: 0 },
    ],
    [{ 'expected-bytes': '128Mi' }, { expectedBytes: 128 * 2 ** 20 }],
    [{ 'expected-bytes': '0' }, { expectedBytes: 0 }],
  ];
  for (const [short, expected] of table)
    t.strictSame(
      parseStartupHints(prefixed(short)),
      { hints: { ...noStartupHints, ...expected }, problems: [] },
      JSON.stringify(short),
    );
  t.strictSame(parseStartupHints(undefined), { hints: noStartupHints, problems: [] });
  t.end();
});

void t.test('hints that cannot be read are named, and count as not given', (t) => {
  const table: [string, string, RegExp][] = [
    ['admission', 'Skip', /^must be skip/],
    ['after', '', /must be pod\/NAME/],
    ['after', 'pod/a,', /"" must be pod\/NAME/],
    ['after', 'db-0', /"db-0" must be pod\/NAME/],
    ['after', 'deployment/db', /must be pod\/NAME/],
    ['after', 'pod/a/b/c', /must be pod\/NAME/],
    ['after', 'pod/Data_Base', /"pod\/Data_Base": .*lowercase/],
    ['after', 'service/9lives', /"service\/9lives": /],
    ['after', 'pod//db', /"pod\/\/db": /],
    ['after', Array.from({ length: 33 }, (_, at) => `pod/p${String(at)}`).join(','), /names 33 things/],
    ['after-timeout', '0', /too short/],
    ['after-timeout', '10', /not a duration, such as/],
    ['slot-timeout', '-1s', /not a duration/],
    ['spare-for', 'ever', /not a duration/],
    ['expected-bytes', '-1Mi', /must not be negative/],
    ['expected-bytes', '10MB', /not a quantity, such as 128Mi/],
    ['afterwards', 'pod/a', /is not known: those under startup\.knarr\.io\/ are admission, after, /],
    ['toString', 'x', /is not known/],
  ];
  for (const [short, text, message] of table) {
    const { hints, problems } = parseStartupHints(
      prefixed({ [short]: text, admission: 'skip', [short]: text }),
    );
    t.equal(problems.length, 1, `${short}=${text.slice(0, 20)}`);
    t.equal(problems[0]?.annotation, `startup.knarr.io/${short}`);
    t.match(problems[0]?.message ?? '', message);
    t.strictSame(hints, { ...noStartupHints, skipsAdmission: short !== 'admission' });
  }
  t.end();
});

function prefixed(short: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(short).map(([name, text]) => [
      name.includes('/') ? name : `startup.knarr.io/${name}`,
      text,
    ]),
  );
}
