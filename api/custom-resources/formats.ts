/** The values of `format` that Kubernetes checks. Others say something to readers and nothing to the server. */
import { isIPv4, isIPv6 } from '../ip-text.js';
import { validateDns1123Label, validateDns1123Subdomain } from '../names.js';

type FormatCheck = (text: string) => boolean;

function matches(pattern: RegExp): FormatCheck {
  return (text) => pattern.test(text);
}

const hex = '[0-9a-fA-F]';

function uuid(version: string): FormatCheck {
  return matches(new RegExp(`^${hex}{8}-?${hex}{4}-?${version}${hex}{3}-?${hex}{4}-?${hex}{12}$`));
}

const date = matches(/^\d{4}-\d{2}-\d{2}$/);

const checks: Readonly<Record<string, FormatCheck>> = {
  bsonobjectid: matches(new RegExp(`^${hex}{24}$`)),
  uri: isUri,
  email: matches(/^[^\s@<>]+@[^\s@<>]+$/),
  hostname: isHostname,
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: matches(
    new RegExp(`^(${hex}{2}([:-]${hex}{2}){5}|${hex}{2}([:-]${hex}{2}){7}|(${hex}{4}\\.){2,3}${hex}{4})$`),
  ),
  uuid: matches(new RegExp(`^${hex}{8}-?${hex}{4}-?${hex}{4}-?${hex}{4}-?${hex}{12}$`)),
  uuid3: uuid('3'),
  uuid4: uuid('4'),
  uuid5: uuid('5'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(new RegExp(`^#?(${hex}{3}|${hex}{6})$`)),
  rgbcolor: isRgbColor,
  byte: matches(/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  password: () => true,
  date: (text) => date(text) && isDay(text),
  duration: matches(/^-?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w|[a-z]+)(\s*(\d+(\.\d*)?)\s*[a-zµ]+)*$/i),
  datetime: isDateTime,
  'date-time': isDateTime,
  'k8s-short-name': (text) => validateDns1123Label(text).length === 0,
  'k8s-long-name': (text) => validateDns1123Subdomain(text).length === 0,
};

export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(checks, format) || numberFormats.has(format);
}

/** What numbers are said to be; JSON does not tell them apart. */
const numberFormats: ReadonlySet<string> = new Set(['int32', 'int64', 'float', 'double']);

/** False for a text that is not of a format that is checked. */
export function hasFormat(format: string, text: string): boolean {
  return checks[format]?.(text) ?? true;
}

function isUri(text: string): boolean {
  return URL.canParse(text) || (text.startsWith('/') && URL.canParse(text, 'http://x'));
}

function isHostname(text: string): boolean {
  return (
    text.length <= 255 &&
    /^([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?$/i.test(text)
  );
}

function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  return (
    (isIPv4(address) || isIPv6(address)) &&
    rest.length === 0 &&
    /^\d+$/.test(length) &&
    Number(length) <= (isIPv4(address) ? 32 : 128)
  );
}

function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i.test(text) &&
    isDay(text.slice(0, 10)) &&
    !Number.isNaN(Date.parse(text))
  );
}

function digitsOf(text: string): string {
  return text.replace(/[- ]/g, '');
}

function isIsbn10(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, one, index) => total + (index + 1) * (one === 'X' ? 10 : Number(one)),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{13}$/.test(digits)) return false;
  return (
    Array.from(digits).reduce((total, one, index) => total + Number(one) * (index % 2 === 0 ? 1 : 3), 0) %
      10 ===
    0
  );
}

/** Luhn's check digit. */
function isCreditCard(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{13,19}$/.test(digits)) return false;
  const sum = Array.from(digits)
    .reverse()
    .reduce((total, one, index) => {
      const value = Number(one) * (index % 2 === 0 ? 1 : 2);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const parts = /^rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text)?.slice(1);
  return parts?.every((part) => Number(part) <= 255) === true;
}
