/** ConfigMaps as the workload uses them: a value in `data`, its group as a label, and how both are read from answers. */
import { listOf, textOf } from '../support/apiserver-fixture.js';
import type { JsonObject } from '../support/apiserver-fixture.js';
import type { Version } from '../support/history/history.js';

export const groups = ['even', 'odd'] as const;

export const collectionPath = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;

export function configMapOf(key: string, value: string, resourceVersion?: number): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: key,
      labels: { group: groupOf(value) },
      ...(resourceVersion === undefined ? {} : { resourceVersion: String(resourceVersion) }),
    },
    data: { value },
  };
}

/** Patches that set the value and nothing else, in each of the three languages. */
export const patchesOf = (
  value: string,
): readonly { readonly contentType: string; readonly body: unknown }[] => {
  const merge = { metadata: { labels: { group: groupOf(value) } }, data: { value } };
  return [
    { contentType: 'application/merge-patch+json', body: merge },
    { contentType: 'application/strategic-merge-patch+json', body: merge },
    {
      contentType: 'application/json-patch+json',
      body: [
        { op: 'replace', path: '/data/value', value },
        { op: 'replace', path: '/metadata/labels/group', value: groupOf(value) },
      ],
    },
  ];
};

export const keyOf = (object: JsonObject | undefined): string => textOf(object?.['metadata']?.['name']);

export function versionOf(object: JsonObject | undefined): Version {
  return { value: textOf(object?.['data']?.['value']), revision: revisionOf(object) };
}

export const revisionOf = (object: JsonObject | undefined): number =>
  Number(textOf(object?.['metadata']?.['resourceVersion']));

export function itemsOf(list: JsonObject): [string, Version][] {
  return listOf(list['items']).map((object) => [keyOf(object), versionOf(object)]);
}

const groupOf = (value: string): string => value.slice(value.lastIndexOf('.') + 1);
