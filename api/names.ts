/**
 * The forms that names take: each check returns what is wrong, in the wording that Kubernetes clients know; an empty list
 * means valid.
 */

/** Used by the violations of {@link ./field-path.ts}; several messages are several violations. */
export type NameCheck = (value: string) => string[];

const dns1123Label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${qualifiedName})?`;
const configKey = '[-._a-zA-Z0-9]+';

const compiled = new Map<string, RegExp>();

function matches(pattern: string, value: string): boolean {
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(`^${pattern}$`);
    compiled.set(pattern, regex);
  }
  return regex.test(value);
}

function tooLong(max: number): string {
  return `must be no more than ${String(max)} bytes`;
}

/** `<what> (e.g. 'a', or 'b', regex used for validation is '…')` */
function mismatch(what: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}'`).join(' or ');
  const lead = shown === '' ? '' : `e.g. ${shown.replaceAll("' or '", "',  or '")}, `;
  return `${what} (${lead}regex used for validation is '${pattern}')`;
}

function byteLength(value: string): number {
  return Buffer.byteLength(value);
}

/** Names of Namespaces, containers, volumes: at most 63 of `a-z`, `0-9` and `-`. */
export const validateDns1123Label: NameCheck = (value) => {
  const problems = byteLength(value) > 63 ? [tooLong(63)] : [];
  if (!matches(dns1123Label, value)) {
    problems.push(
      matches(dns1123Subdomain, value)
        ? 'must not contain dots'
        : mismatch(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            dns1123Label,
            'my-name',
            '123-abc',
          ),
    );
  }
  return problems;
};

/** Names of most objects: DNS labels separated by dots, at most 253 bytes. */
export const validateDns1123Subdomain: NameCheck = (value) => {
  const problems = byteLength(value) > 253 ? [tooLong(253)] : [];
  if (!matches(dns1123Subdomain, value)) {
    problems.push(
      mismatch(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        dns1123Subdomain,
        'example.com',
      ),
    );
  }
  return problems;
};

/** Names of Services: like a DNS label, but the first character is a letter. */
export const validateDns1035Label: NameCheck = (value) => {
  const problems = byteLength(value) > 63 ? [tooLong(63)] : [];
  if (!matches(dns1035Label, value)) {
    problems.push(
      mismatch(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        dns1035Label,
        'my-name',
        'abc-123',
      ),
    );
  }
  return problems;
};

/** Keys of labels and annotations, finalizers, condition types: `[prefix/]name`. */
export const validateQualifiedName: NameCheck = (value) => {
  const parts = value.split('/');
  const what =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  if (parts.length > 2) {
    return [
      `a qualified name ${mismatch(what.replace('name part ', ''), qualifiedName, 'MyName', 'my.name', '123-abc')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const problems: string[] = [];
  const name = parts[parts.length - 1] ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') problems.push('prefix part must be non-empty');
    else for (const problem of validateDns1123Subdomain(prefix)) problems.push(`prefix part ${problem}`);
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (byteLength(name) > 63) problems.push(`name part ${tooLong(63)}`);
  if (!matches(qualifiedName, name))
    problems.push(mismatch(what, qualifiedName, 'MyName', 'my.name', '123-abc'));
  return problems;
};

export const validateLabelValue: NameCheck = (value) => {
  const problems = byteLength(value) > 63 ? [tooLong(63)] : [];
  if (!matches(labelValue, value)) {
    problems.push(
      mismatch(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        labelValue,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return problems;
};

/** Environment variables of containers: since v1.34 any printable ASCII but `=`. */
export const validateEnvVarName: NameCheck = (value) => {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[ -<>-~]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

/** Keys of ConfigMap and Secret data, which become file names. */
export const validateConfigMapKey: NameCheck = (value) => {
  const problems = byteLength(value) > 253 ? [tooLong(253)] : [];
  if (!matches(configKey, value)) {
    problems.push(
      mismatch(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        configKey,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  } else if (value === '.') problems.push("must not be '.'");
  else if (value === '..') problems.push("must not be '..'");
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
};

/** Names of container and Service ports that `targetPort` refers to: IANA service names. */
export const validatePortName: NameCheck = (value) => {
  const problems: string[] = [];
  if (byteLength(value) > 15) problems.push(tooLong(15));
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
};

/** Numbers of ports. */
export function validatePortNumber(value: number): string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}

/**
 * A prefix of generated names: valid when it is once characters are appended, so a trailing `-` is fine.
 * `check` is the check of the whole name.
 */
export function validateNamePrefix(check: NameCheck, prefix: string): string[] {
  return check(prefix.endsWith('-') ? `${prefix.slice(0, -1)}a` : prefix);
}

/** Names of roles and their bindings, which are looser than others: whatever can be one part of a URL's path. */
export const validatePathSegmentName: NameCheck = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((one) => value.includes(one)).map((one) => `may not contain '${one}'`);
};

const wildcardSubdomain = `\\*\\.${dns1123Subdomain}`;

/** Hosts of Ingresses: a subdomain whose first label is `*`. */
export const validateWildcardDns1123Subdomain: NameCheck = (value) => {
  const problems = byteLength(value) > 253 ? [tooLong(253)] : [];
  if (!matches(wildcardSubdomain, value))
    problems.push(
      mismatch(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        wildcardSubdomain,
        '*.example.com',
      ),
    );
  return problems;
};
