/**
 * What a Pod says of its own start: the annotations under `startup.knarr.io/`. Pure.
 *
 * The API server refuses a Pod whose hints cannot be read; the kubelet passes over the bad ones of a static Pod and tells
 * of them by an Event. {@link startupHintKeys} is the documentation, too.
 */
import { parseDurationMs } from '../common/duration.js';
import { validateDns1035Label, validateDns1123Label, validateDns1123Subdomain } from './names.js';
import { QuantitySyntaxError, quantityBytes, quantityToNumber } from './quantity.js';

export const startupPrefix = 'startup.knarr.io/';

export const startupAnnotations = {
  admission: `${startupPrefix}admission`,
  after: `${startupPrefix}after`,
  afterTimeout: `${startupPrefix}after-timeout`,
  slotTimeout: `${startupPrefix}slot-timeout`,
  expectedBytes: `${startupPrefix}expected-bytes`,
  spareFor: `${startupPrefix}spare-for`,
} as const;

export const defaultAfterTimeoutMs = 600_000;

/** More names than these in one `after` are a mistake; each is looked up at every change. */
const maxDependencies = 32;

/** Something that must be ready before: a Pod, or a Service with a ready endpoint. */
export interface StartupDependency {
  readonly kind: 'pod' | 'service';
  /** Undefined: the namespace of the Pod that says so. */
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface StartupHints {
  /** Starts at once and holds no slot. */
  readonly skipsAdmission: boolean;
  readonly after: readonly StartupDependency[];
  readonly afterTimeoutMs: number;
  /** Undefined: what the node's configuration says. */
  readonly slotTimeoutMs: number | undefined;
  readonly expectedBytes: number | undefined;
  /** Undefined: what the node's configuration says; 0: never spared. */
  readonly spareForMs: number | undefined;
}

export const noStartupHints: StartupHints = {
  skipsAdmission: false,
  after: [],
  afterTimeoutMs: defaultAfterTimeoutMs,
  slotTimeoutMs: undefined,
  expectedBytes: undefined,
  spareForMs: undefined,
};

export interface StartupHintProblem {
  /** The full name of the annotation. */
  readonly annotation: string;
  /** What is wrong and how to mend it. */
  readonly message: string;
}

interface StartupHintKey {
  /** How the value is written. */
  readonly value: string;
  /** What it is for, one sentence. */
  readonly about: string;
  /** The hints that the value stands for, or what is wrong with it. */
  read(text: string): Partial<StartupHints> | string;
}

/** Every annotation there is, by its full name. */
export const startupHintKeys: Readonly<Record<string, StartupHintKey>> = {
  [startupAnnotations.admission]: {
    value: 'skip',
    about: 'the Pod starts at once, whatever the disks do, and holds no slot',
    read: (text) => (text === 'skip' ? { skipsAdmission: true } : 'must be skip, or must not be set'),
  },
  [startupAnnotations.after]: {
    value: 'pod/NAME, service/NAME, with NAMESPACE/ before NAME for another namespace; several with commas',
    about: 'what must be ready before the Pod starts; a Service is ready when one of its endpoints is',
    read: readAfter,
  },
  [startupAnnotations.afterTimeout]: {
    value: 'a duration, by default 10m',
    about:
      'how long "after" may hold the Pod, counted from when nothing that it waits for is queued; then it starts all the same',
    read: (text) => readDuration(text, 1, (afterTimeoutMs) => ({ afterTimeoutMs })),
  },
  [startupAnnotations.slotTimeout]: {
    value: "a duration, by default the node's startupIO.slotTimeout",
    about: 'after this time the slot is given on, although the Pod is not ready',
    read: (text) => readDuration(text, 1, (slotTimeoutMs) => ({ slotTimeoutMs })),
  },
  [startupAnnotations.expectedBytes]: {
    value: 'a quantity, such as 128Mi',
    about: 'what the Pod will read and write until it is ready; of equal Pods the small one starts first',
    read: readBytes,
  },
  [startupAnnotations.spareFor]: {
    value: "a duration, by default the node's startupIO.sparedFor; 0 for never",
    about:
      'how long a probe that fails does not kill the Pod while its disk is saturated and it still makes progress',
    read: (text) => readDuration(text, 0, (spareForMs) => ({ spareForMs })),
  },
};

/** What can be read of the hints, and what cannot. A bad hint counts as not given. */
export function parseStartupHints(annotations: Readonly<Record<string, string>> | undefined): {
  readonly hints: StartupHints;
  readonly problems: readonly StartupHintProblem[];
} {
  let hints = noStartupHints;
  const problems: StartupHintProblem[] = [];
  for (const [annotation, text] of Object.entries(annotations ?? {})) {
    if (!annotation.startsWith(startupPrefix)) continue;
    const read = startupHintKeys[annotation]?.read(text) ?? unknownName();
    if (typeof read === 'string') problems.push({ annotation, message: read });
    else hints = { ...hints, ...read };
  }
  return { hints, problems };
}

function unknownName(): string {
  const known = Object.keys(startupHintKeys).map((name) => name.slice(startupPrefix.length));
  return `is not known: those under ${startupPrefix} are ${known.join(', ')}`;
}

function readAfter(text: string): Partial<StartupHints> | string {
  const after = new Map<string, StartupDependency>();
  for (const part of text.split(',').map((one) => one.trim())) {
    const dependency = readDependency(part);
    if (typeof dependency === 'string') return dependency;
    after.set(part, dependency);
  }
  if (after.size > maxDependencies)
    return `names ${String(after.size)} things; at most ${String(maxDependencies)} are looked after`;
  return { after: [...after.values()] };
}

function readDependency(text: string): StartupDependency | string {
  const [kind, ...path] = text.split('/');
  const [first = '', second] = path;
  if ((kind !== 'pod' && kind !== 'service') || path.length < 1 || path.length > 2)
    return `${JSON.stringify(text)} must be pod/NAME, pod/NAMESPACE/NAME, service/NAME or service/NAMESPACE/NAME; several are parted by commas`;
  const [namespace, name] = second === undefined ? [undefined, first] : [first, second];
  const problems = [
    ...(namespace === undefined ? [] : validateDns1123Label(namespace)),
    ...(kind === 'pod' ? validateDns1123Subdomain(name) : validateDns1035Label(name)),
  ];
  return problems.length > 0 ? `${JSON.stringify(text)}: ${problems.join('; ')}` : { kind, namespace, name };
}

function readDuration(
  text: string,
  leastMs: number,
  hints: (ms: number) => Partial<StartupHints>,
): Partial<StartupHints> | string {
  const ms = parseDurationMs(text);
  if (ms === undefined) return `${JSON.stringify(text)} is not a duration, such as 90s or 10m`;
  return ms < leastMs ? `${JSON.stringify(text)} is too short: it must be at least 1ms` : hints(ms);
}

function readBytes(text: string): Partial<StartupHints> | string {
  try {
    return quantityToNumber(text) < 0
      ? `${JSON.stringify(text)} must not be negative`
      : { expectedBytes: quantityBytes(text) };
  } catch (error) {
    if (!(error instanceof QuantitySyntaxError)) throw error;
    return `${JSON.stringify(text)} is not a quantity, such as 128Mi: ${error.message}`;
  }
}
