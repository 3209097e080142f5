import t from 'tap';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  cpuMillicores,
  parseQuantity,
  quantityBytes,
  quantityFromBytes,
  quantityFromMillicores,
  QuantitySyntaxError,
  quantityToNumber,
  subtractQuantities,
} from '../../../api/quantity.js';

void t.test('canonical form', async (t) => {
  const cases: [string, string][] = [
    ['0', '0'],
    ['0Ki', '0'],
    ['0.000', '0'],
    ['-0', '0'],
    ['1', '1'],
    ['+1', '1'],
    ['01', '1'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.', '1'],
    ['2.5', '2500m'],
    ['-1.5', '-1500m'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['1234567', '1234567'],
    ['12000000', '12M'],
    ['100Mi', '100Mi'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.1Gi', '107374182400m'],
    ['0.5Ki', '512'],
    ['1023Ki', '1023Ki'],
    ['0.0001Ki', '102400u'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['12e2', '1200'],
    ['1e-3', '1e-3'],
    ['1E', '1E'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['1e-30', '1e-9'],
    ['1e-999999999', '1e-9'],
    ['9223372036854775807', '9223372036854775807'],
    ['9223372036854775808', '9223372036854775807'],
    ['1e999999999', '9223372036854775807'],
    ['16Ei', '9223372036854775807'],
  ];
  for (const [text, canonical] of cases) {
    t.equal(canonicalQuantity(text), canonical, text);
    t.equal(canonicalQuantity(canonical), canonical, `${canonical} is canonical`);
  }
});

void t.test('what is no quantity', async (t) => {
  const pattern =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  const cases: [string, string][] = [
    ['', pattern],
    ['much', pattern],
    ['1 Gi', pattern],
    ['1Gi ', pattern],
    ['--1', pattern],
    ['1.2.3', 'unable to parse numeric part of quantity'],
    ['.', 'unable to parse numeric part of quantity'],
    ['1gi', pattern],
    ['1KI', pattern],
    ['1K', "unable to parse quantity's suffix"],
    ['1mi', "unable to parse quantity's suffix"],
    ['1e', "unable to parse quantity's suffix"],
    ['1i', "unable to parse quantity's suffix"],
  ];
  for (const [text, message] of cases)
    t.throws(() => parseQuantity(text), new QuantitySyntaxError(message), text);
});

void t.test('arithmetic keeps the family of the suffix', async (t) => {
  t.equal(addQuantities('1Gi', '512Mi'), '1536Mi');
  t.equal(addQuantities('0', '512Mi'), '512Mi');
  t.equal(addQuantities('100m', '0.9'), '1');
  t.equal(addQuantities('9007199254740993', '2'), '9007199254740995', 'exact beyond doubles');
  t.equal(subtractQuantities('1Gi', '2Gi'), '-1Gi');
  t.equal(compareQuantities('1Gi', '1G'), 1);
  t.equal(compareQuantities('1000m', '1'), 0);
  t.equal(compareQuantities('-1', '1n'), -1);
});

void t.test('as numbers', async (t) => {
  t.equal(cpuMillicores('100m'), 100);
  t.equal(cpuMillicores('1.5'), 1500);
  t.equal(cpuMillicores('1n'), 1, 'rounded up');
  t.equal(cpuMillicores(undefined), 0);
  t.equal(quantityBytes('1.5Gi'), 1_610_612_736);
  t.equal(quantityBytes('1500m'), 2);
  t.equal(quantityToNumber('-1500m'), -1.5);
  t.equal(quantityFromMillicores(2000), '2');
  t.equal(quantityFromMillicores(1500), '1500m');
  t.equal(quantityFromBytes(1024 ** 3), '1Gi');
  t.equal(quantityFromBytes(1000), '1k');
});
