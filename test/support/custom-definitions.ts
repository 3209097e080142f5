/** CustomResourceDefinitions for tests: the CronTab of Kubernetes' documentation, with as many features as fit. */
import type { ApiServerFixture, JsonObject } from './apiserver-fixture.js';
import { listOf, textOf } from './apiserver-fixture.js';

type Json = Readonly<Record<string, unknown>>;

export const cronTabSchema: Json = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['cronSpec'],
      properties: {
        cronSpec: {
          type: 'string',
          pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$',
          description: 'When it runs.',
        },
        image: { type: 'string', default: 'busybox' },
        replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
        mode: { type: 'string', enum: ['Fast', 'Slow'] },
        note: { type: 'string', nullable: true },
        port: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        steps: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, seconds: { type: 'integer', default: 5 } },
          },
        },
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, selector: { type: 'string' }, phase: { type: 'string' } },
    },
  },
};

export const cronTabVersion: Json = {
  name: 'v1',
  served: true,
  storage: true,
  schema: { openAPIV3Schema: cronTabSchema },
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  additionalPrinterColumns: [
    { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec', description: 'When it runs' },
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: [{ jsonPath: '.spec.image' }],
};

/** A definition of CronTabs; `spec` replaces parts of its spec. */
export function cronTabDefinition(spec: Json = {}): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
      versions: [cronTabVersion],
      ...spec,
    },
  };
}

/** A definition whose schema takes everything, named by its kind: `widgets.things.example.com`. */
export function openDefinition(kind: string, spec: Json = {}): Json {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.things.example.com` },
    spec: {
      group: 'things.example.com',
      scope: 'Cluster',
      names: { plural, kind },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      ],
      ...spec,
    },
  };
}

export const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Creates a definition and resolves when it is established. */
export async function define(fixture: ApiServerFixture, definition: Json): Promise<JsonObject> {
  const { name } = definition['metadata'] as { name: string };
  const answer = await fixture.request('POST', definitionsPath, definition);
  if (answer.status !== 201) throw new Error(`the definition was refused: ${answer.text}`);
  const watch = fixture.watch(`${definitionsPath}?watch=true&fieldSelector=metadata.name=${name}`);
  const lines = await watch.until((seen) =>
    seen.some(({ object }) => conditionOf(object, 'Established') === 'True'),
  );
  watch.close();
  return lines.at(-1)?.object ?? answer.json;
}

/** The status of a condition; '' for none. */
export function conditionOf(object: JsonObject, type: string): string {
  const found = listOf(object['status']?.['conditions']).find((one) => textOf(one['type']) === type);
  return textOf(found?.['status']);
}
