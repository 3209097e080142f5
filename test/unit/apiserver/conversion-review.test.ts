/** What a conversion webhook may answer, and in which words the rest is refused. */
import t from 'tap';
import {
  chooseReviewVersion,
  conversionReview,
  ConversionReviewError,
  readConversionReview,
} from '../../../apiserver/custom-resources/conversion-review.js';

const original = {
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    namespace: 'n',
    uid: 'u',
    generation: 3,
    labels: { old: '1' },
    annotations: { a: 'b' },
  },
  spec: { hostPort: 'h:1' },
};
const request = {
  reviewVersion: 'v1',
  uid: 'review',
  desiredApiVersion: 'example.com/v2',
  objects: [original],
} as const;
const identity = { name: 'a', namespace: 'n', uid: 'u' };
const converted = { apiVersion: 'example.com/v2', kind: 'Thing', metadata: identity, spec: { host: 'h' } };
const answer = (objects: unknown, more: object = {}, around: object = {}): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'ConversionReview',
  response: { uid: 'review', result: { status: 'Success' }, convertedObjects: objects, ...more },
  ...around,
});

void t.test('which review is sent', async (t) => {
  t.equal(chooseReviewVersion(['v2', 'v1beta1', 'v1']), 'v1beta1', 'the first that is known');
  t.equal(chooseReviewVersion(['v2']), undefined);
  t.strictSame(conversionReview(request), {
    kind: 'ConversionReview',
    apiVersion: 'apiextensions.k8s.io/v1',
    request: { uid: 'review', desiredAPIVersion: 'example.com/v2', objects: [original] },
  });
});

void t.test('what is taken of an answer', async (t) => {
  const metadata = { ...identity, generation: 99, finalizers: ['x/y'], labels: { new: '2' } };
  t.strictSame(
    readConversionReview(request, answer([{ ...converted, metadata }])),
    [{ ...converted, metadata: { ...identity, generation: 3, labels: { new: '2' } } }],
    'labels and annotations, and nothing else of metadata',
  );
  const old = {
    kind: 'ConversionReview',
    response: { result: { status: 'Success' }, convertedObjects: [converted] },
  };
  t.equal(
    readConversionReview({ ...request, reviewVersion: 'v1beta1' }, old).length,
    1,
    'v1beta1 never had to say whom it answers',
  );
});

const two = { ...request, objects: [original, original] };
const cases: readonly (readonly [string, typeof request | typeof two, unknown, string])[] = [
  [
    'nothing',
    request,
    null,
    'failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got , Kind=',
  ],
  ['no response', request, answer([], {}, { response: undefined }), 'failed: no response provided'],
  [
    'another uid',
    request,
    answer([converted], { uid: 'x' }),
    'failed: expected response.uid="review", got "x"',
  ],
  [
    'a failure',
    request,
    answer([], { result: { status: 'Failure', message: 'not today' } }),
    'failed: not today',
  ],
  [
    'a silent failure',
    request,
    answer([], { result: {} }),
    "failed: response.result.status was '', not 'Success'",
  ],
  ['too few', request, answer([]), 'returned 0 objects, expected 1'],
  ['too many', request, answer([converted, converted]), 'returned 2 objects, expected 1'],
  [
    'another version',
    request,
    answer([original]),
    'returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)',
  ],
  [
    'another kind',
    request,
    answer([{ ...converted, kind: 'Other' }]),
    'returned invalid object at index 0: invalid kind (expected Thing, received Other)',
  ],
  [
    'another name',
    request,
    answer([{ ...converted, metadata: { ...identity, name: 'b' } }]),
    'returned invalid object: must have the same name: a != b',
  ],
  [
    'another namespace, in a list',
    two,
    answer([converted, { ...converted, metadata: { ...identity, namespace: 'm' } }]),
    'returned invalid converted object at index 1: must have the same namespace: n != m',
  ],
  [
    'another uid of the object',
    request,
    answer([{ ...converted, metadata: { ...identity, uid: 'v' } }]),
    'returned invalid object: must have the same UID: u != v',
  ],
  [
    'no metadata',
    request,
    answer([{ ...converted, metadata: undefined }]),
    'returned invalid metadata: missing metadata in converted object',
  ],
  [
    'labels that are none',
    two,
    answer([{ ...converted, metadata: { ...identity, labels: { a: 1 } } }, converted]),
    'returned invalid metadata in object at index 0: metadata.labels[a] must be a string',
  ],
];

void t.test('what is refused', async (t) => {
  for (const [name, asked, given, message] of cases)
    t.throws(() => readConversionReview(asked, given), new ConversionReviewError(message), name);
  t.throws(
    () =>
      readConversionReview(
        request,
        answer([{ ...converted, metadata: { ...identity, labels: { 'not ok': 'x' } } }]),
      ),
    { message: /^returned invalid metadata: metadata\.labels: Invalid value: "not ok"/ },
  );
});
