/**
 * ConversionReview: what a conversion webhook is asked, and what its answer must be like. Pure.
 *
 * A webhook may change everything but who an object is: of its metadata, only labels and annotations are taken.
 */
import { Violations } from '../../api/field-path.js';
import { isJsonObject } from '../../api/patch/merge-patch.js';
import { validateAnnotations, validateLabels } from '../resources/object-meta.js';

type Json = Readonly<Record<string, unknown>>;

export interface ConversionRequest {
  /** Group and version of the review: the first of the definition's that this server speaks. */
  readonly reviewVersion: 'v1' | 'v1beta1';
  readonly uid: string;
  readonly desiredApiVersion: string;
  readonly objects: readonly Json[];
}

/** What is wrong with an answer. The message follows the words "conversion webhook for …". */
export class ConversionReviewError extends Error {
  override readonly name = 'ConversionReviewError';
}

const reviewGroup = 'apiextensions.k8s.io';

/** Undefined where a definition names none that this server speaks. */
export function chooseReviewVersion(
  versions: readonly string[],
): ConversionRequest['reviewVersion'] | undefined {
  for (const version of versions) if (version === 'v1' || version === 'v1beta1') return version;
  return undefined;
}

export function conversionReview(request: ConversionRequest): object {
  const { reviewVersion, uid, desiredApiVersion, objects } = request;
  return {
    kind: 'ConversionReview',
    apiVersion: `${reviewGroup}/${reviewVersion}`,
    request: { uid, desiredAPIVersion: desiredApiVersion, objects },
  };
}

/** The converted objects, in the order of those that were sent. Throws {@link ConversionReviewError}. */
export function readConversionReview(request: ConversionRequest, answer: unknown): readonly Json[] {
  const converted = convertedObjectsOf(request, answer);
  const { objects } = request;
  if (converted.length !== objects.length)
    throw new ConversionReviewError(
      `returned ${converted.length} objects, expected ${String(objects.length)}`,
    );
  return objects.map((original, index) => readObject(original, converted[index], request, index));
}

function convertedObjectsOf({ reviewVersion, uid }: ConversionRequest, answer: unknown): readonly unknown[] {
  const review = isJsonObject(answer) ? answer : {};
  // The checks came with v1: webhooks of v1beta1 have never had to say whom they answer.
  if (reviewVersion === 'v1') {
    const { apiVersion = '', kind = '' } = review;
    const expected = `${reviewGroup}/v1`;
    if (apiVersion !== expected || kind !== 'ConversionReview')
      throw failed(
        `expected webhook response of ${kindText(expected, 'ConversionReview')}, got ${kindText(apiVersion, kind)}`,
      );
  }
  const { response } = review;
  if (!isJsonObject(response)) throw failed('no response provided');
  const answered = response['uid'] ?? '';
  if (reviewVersion === 'v1' && answered !== uid)
    throw failed(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(answered)}`);
  const result = isJsonObject(response['result']) ? response['result'] : {};
  const { status = '', message } = result;
  if (status !== 'Success')
    throw failed(
      typeof message === 'string' && message !== ''
        ? message
        : `response.result.status was '${show(status)}', not 'Success'`,
    );
  const { convertedObjects = [] } = response;
  if (!Array.isArray(convertedObjects)) throw failed('response.convertedObjects is not a list');
  return convertedObjects;
}

function failed(why: string): ConversionReviewError {
  return new ConversionReviewError(`failed: ${why}`);
}

interface Problems {
  /** It is of another version or kind than it has to be. */
  readonly type: (why: string) => ConversionReviewError;
  /** It is not the object that was sent. */
  readonly identity: (why: string) => ConversionReviewError;
  readonly metadata: (why: string) => ConversionReviewError;
}

/** One object alone needs no index, and Kubernetes gives it one only here and there. */
function problemsOf(index: number, isAlone: boolean): Problems {
  const problem =
    (what: string) =>
    (why: string): ConversionReviewError =>
      new ConversionReviewError(`returned invalid ${what}: ${why}`);
  return isAlone
    ? { type: problem('object at index 0'), identity: problem('object'), metadata: problem('metadata') }
    : {
        type: problem(`converted object at index ${index}`),
        identity: problem(`converted object at index ${index}`),
        metadata: problem(`metadata in object at index ${index}`),
      };
}

function readObject(
  original: Json,
  converted: unknown,
  { desiredApiVersion, objects }: ConversionRequest,
  index: number,
): Json {
  const problems = problemsOf(index, objects.length === 1);
  if (!isJsonObject(converted)) throw problems.type('it is not an object');
  const { apiVersion = '', kind = '' } = converted;
  if (apiVersion !== desiredApiVersion)
    throw problems.type(`invalid groupVersion (expected ${desiredApiVersion}, received ${show(apiVersion)})`);
  if (kind !== original['kind'])
    throw problems.type(`invalid kind (expected ${show(original['kind'])}, received ${show(kind)})`);
  const { metadata } = converted;
  if (metadata === undefined) throw problems.metadata('missing metadata in converted object');
  if (!isJsonObject(metadata)) throw problems.metadata('metadata in converted object is not an object');
  const before = original['metadata'] as Json;
  for (const field of ['name', 'namespace', 'uid'] as const) {
    const expected = before[field] ?? '';
    const got = metadata[field] ?? '';
    const label = field === 'uid' ? 'UID' : field;
    if (got !== expected)
      throw problems.identity(`must have the same ${label}: ${show(expected)} != ${show(got)}`);
  }
  const labels = readStrings(metadata, 'labels', problems);
  const annotations = readStrings(metadata, 'annotations', problems);
  const violations = new Violations();
  validateLabels(labels, 'metadata.labels', violations);
  validateAnnotations(annotations, 'metadata.annotations', violations);
  if (violations.any)
    throw problems.metadata(
      violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`).join(', '),
    );
  return { ...converted, metadata: restored(before, { labels, annotations }) };
}

/** The original metadata, with what the webhook may change. */
function restored(
  before: Json,
  changed: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>,
): Json {
  const metadata: Record<string, unknown> = { ...before };
  for (const [field, value] of Object.entries(changed)) {
    if (value === undefined) Reflect.deleteProperty(metadata, field);
    else metadata[field] = value;
  }
  return metadata;
}

function readStrings(
  metadata: Json,
  field: 'labels' | 'annotations',
  problems: Problems,
): Readonly<Record<string, string>> | undefined {
  const value = metadata[field];
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw problems.metadata(`metadata.${field} in converted object is not an object`);
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string') throw problems.metadata(`metadata.${field}[${key}] must be a string`);
  return value as Readonly<Record<string, string>>;
}

function kindText(apiVersion: unknown, kind: unknown): string {
  return `${show(apiVersion)}, Kind=${show(kind)}`;
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
