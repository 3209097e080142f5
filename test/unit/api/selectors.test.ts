import t from 'tap';
import {
  everything,
  formatFieldSelector,
  formatLabelSelector,
  matchesFields,
  matchesLabels,
  nothing,
  parseFieldSelector,
  parseLabelSelector,
  requireSupportedFields,
  selectorFromObject,
  selectorFromSet,
} from '../../../api/selectors.js';
import { isStatusError } from '../../../api/status-error.js';

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isStatusError(error, 'BadRequest')) return error.message;
    throw error;
  }
  return 'accepted';
}

void t.test('label selectors match', async (t) => {
  const labels = { app: 'web', tier: 'front', 'example.com/empty': '', size: '10' };
  const cases: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web', true],
    [' app = web , tier = front ', true],
    ['app=api', false],
    ['app!=api', true],
    ['other!=api', true],
    ['other=', false],
    ['example.com/empty=', true],
    ['app in (web, api)', true],
    ['app in (api)', false],
    ['other in (api)', false],
    ['app notin (web)', false],
    ['app notin (api, db),tier=front', true],
    ['other notin (web)', true],
    ['example.com/empty in ()', true],
    ['example.com/empty in (,a)', true],
    ['app', true],
    ['other', false],
    ['!other', true],
    ['! app', false],
    ['size>9', true],
    ['size<9', false],
    ['app>1', false],
    ['in in (in)', false],
    ['toString', false],
  ];
  for (const [text, expected] of cases)
    t.equal(matchesLabels(parseLabelSelector(text), labels), expected, text);
  t.equal(matchesLabels(parseLabelSelector('a'), undefined), false);
});

void t.test('label selectors have one text form', async (t) => {
  const cases: [string, string][] = [
    ['', ''],
    ['z==1, a in (y,x), !c, d, e!=2, f>3', 'a in (x,y),!c,d,e!=2,f>3,z=1'],
    ['a notin (b)', 'a notin (b)'],
  ];
  for (const [text, form] of cases) {
    t.equal(formatLabelSelector(parseLabelSelector(text)), form);
    t.equal(formatLabelSelector(parseLabelSelector(form)), form);
  }
});

void t.test('label selectors that cannot be read', async (t) => {
  const cases: [string, string][] = [
    ['a=b,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (b c)', "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    [
      'a>x',
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    [
      'a/b/c=d',
      `unable to parse requirement: <nil>: Invalid value: "a/b/c": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ],
    [
      'a=-',
      `unable to parse requirement: values[0][a]: Invalid value: "-": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    ],
  ];
  for (const [text, message] of cases)
    t.equal(
      refusal(() => parseLabelSelector(text)),
      message,
      text,
    );
});

void t.test('selector objects', async (t) => {
  t.equal(matchesLabels(selectorFromObject(undefined), {}), false);
  t.equal(matchesLabels(nothing, {}), false);
  t.equal(matchesLabels(selectorFromObject({}), {}), true);
  t.equal(matchesLabels(everything, undefined), true);
  const selector = selectorFromObject({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front', 'back'] },
      { key: 'env', operator: 'NotIn', values: ['test'] },
      { key: 'canary', operator: 'DoesNotExist' },
      { key: 'app', operator: 'Exists' },
    ],
  });
  t.equal(formatLabelSelector(selector), 'app=web,tier in (back,front),env notin (test),!canary,app');
  t.equal(matchesLabels(selector, { app: 'web', tier: 'back' }), true);
  t.equal(matchesLabels(selector, { app: 'web', tier: 'back', canary: '' }), false);
  t.equal(
    refusal(() => selectorFromObject({ matchExpressions: [{ key: 'a', operator: 'Near' }] })),
    '"Near" is not a valid label selector operator',
  );
  t.equal(matchesLabels(selectorFromSet({ a: '1' }), { a: '1', b: '2' }), true);
});

void t.test('field selectors', async (t) => {
  const fields = { 'metadata.name': 'web', 'spec.nodeName': '' };
  const cases: [string, boolean][] = [
    ['', true],
    ['metadata.name=web', true],
    ['metadata.name==web', true],
    ['metadata.name!=web', false],
    ['spec.nodeName=', true],
    ['spec.nodeName!=,metadata.name=web', false],
    ['status.phase=', true],
  ];
  for (const [text, expected] of cases)
    t.equal(matchesFields(parseFieldSelector(text), fields), expected, text);
  const escaped = 'a=b\\,c\\=d\\\\e';
  t.strictSame(parseFieldSelector(escaped).requirements, [{ field: 'a', operator: '=', value: 'b,c=d\\e' }]);
  t.equal(formatFieldSelector(parseFieldSelector(escaped)), escaped);
  t.equal(
    refusal(() => parseFieldSelector('web')),
    "invalid selector: 'web'; can't understand 'web'",
  );
  t.match(
    refusal(() => parseFieldSelector('a=\\x')),
    /^invalid field selector: invalid escape sequence/,
  );
  t.equal(
    refusal(() => {
      requireSupportedFields(parseFieldSelector('spec.foo=1'), new Set(['metadata.name']));
    }),
    'field label not supported: spec.foo',
  );
});
