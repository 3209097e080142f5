/** Compares the API description with a file of interface facts: names, types, numbers, markers. */
import type { FieldDef, Schema, TypeDef, TypeRef } from '../../api/schema/model.js';

type FactType = string | readonly ['list' | 'map', FactType];

interface FactField {
  readonly type: FactType;
  readonly pb?: number;
  readonly optional?: boolean;
  readonly required?: boolean;
  readonly omitempty?: boolean;
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly listType?: string;
  readonly listMapKeys?: readonly string[];
  readonly mapType?: string;
  readonly structType?: string;
}

interface Fact {
  readonly fields?: Readonly<Record<string, FactField>>;
  readonly inline?: readonly (readonly [string, number | null])[];
  readonly kind?: { readonly scope: string };
  readonly enum?: readonly string[];
  readonly type?: FactType;
}

export type FactsFile = Readonly<Record<string, Fact>>;

const machinery = 'io.k8s.apimachinery.pkg';
/** Published names of what the description treats as scalars. */
const scalars: Readonly<Record<string, string>> = {
  [`${machinery}.apis.meta.v1.Time`]: 'Time',
  [`${machinery}.apis.meta.v1.MicroTime`]: 'MicroTime',
  [`${machinery}.apis.meta.v1.Duration`]: 'Duration',
  [`${machinery}.apis.meta.v1.FieldsV1`]: 'FieldsV1',
  [`${machinery}.api.resource.Quantity`]: 'Quantity',
  [`${machinery}.util.intstr.IntOrString`]: 'IntOrString',
  [`${machinery}.runtime.RawExtension`]: 'RawExtension',
};
/** Types that read and write themselves: any JSON at all in the description. */
const rawJson: ReadonlySet<string> = new Set(
  ['JSON', 'JSONSchemaPropsOrArray', 'JSONSchemaPropsOrBool', 'JSONSchemaPropsOrStringArray'].map(
    (name) => `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.${name}`,
  ),
);
const typeMeta = `${machinery}.apis.meta.v1.TypeMeta`;

/** One line for each disagreement; an empty list is agreement. */
export function differencesFromFacts(schema: Schema, facts: FactsFile): string[] {
  const differences: string[] = [];
  for (const [name, fact] of Object.entries(facts)) {
    if (name in scalars || rawJson.has(name) || isListOfKind(name, facts)) continue;
    const type = typeByPublishedName(schema, name);
    if (type === undefined) differences.push(`${name} is not described`);
    else compareType(schema, name, fact, type, differences);
  }
  return differences;
}

function isListOfKind(name: string, facts: FactsFile): boolean {
  return name.endsWith('List') && facts[name.slice(0, -'List'.length)]?.kind !== undefined;
}

function typeByPublishedName(schema: Schema, name: string): TypeDef | undefined {
  const dot = name.lastIndexOf('.');
  const pkg = schema.packages.find(({ openApiPrefix }) => openApiPrefix === name.slice(0, dot));
  return pkg === undefined ? undefined : schema.types.get(`${pkg.id}.${name.slice(dot + 1)}`);
}

function compareType(schema: Schema, name: string, fact: Fact, type: TypeDef, differences: string[]): void {
  const expect = (what: string, ours: unknown, theirs: unknown): void => {
    if (JSON.stringify(ours) !== JSON.stringify(theirs))
      differences.push(`${name}${what}: ${JSON.stringify(ours)} instead of ${JSON.stringify(theirs)}`);
  };
  if (fact.enum !== undefined) {
    expect(' values', type.is === 'enum' ? type.values : undefined, fact.enum);
    return;
  }
  if (fact.fields === undefined && fact.inline === undefined) {
    if (fact.type === undefined) return;
    expect(' type', type.is === 'alias' ? typeText(schema, type.target) : undefined, factText(fact.type));
    return;
  }
  if (type.is !== 'object') {
    differences.push(`${name} is described as ${type.is}`);
    return;
  }
  expect(' scope', type.scope, fact.kind?.scope === undefined ? undefined : scopeOf(fact.kind.scope));
  const inlines = (fact.inline ?? []).filter(([inline]) => inline !== typeMeta);
  expect(
    ' inlines',
    type.inlines.map((inline) => [publishedName(schema, inline.type), inline.number ?? null]),
    inlines,
  );
  const theirs = Object.keys(fact.fields ?? {}).sort();
  expect(' fields', type.ownFields.map((field) => field.name).sort(), theirs);
  for (const field of type.ownFields) {
    const factField = fact.fields?.[field.name];
    if (factField !== undefined)
      expect(`.${field.name}`, fieldText(schema, field), factFieldText(factField, field));
  }
}

function scopeOf(scope: string): string {
  return scope === 'Namespaced' ? 'namespaced' : 'cluster';
}

function fieldText(schema: Schema, field: FieldDef): object {
  return {
    type: typeText(schema, field.type),
    number: field.number,
    optional: field.optional,
    required: field.required,
    keepZero: field.keepZero,
    list: field.listType?.kind,
    keys: field.listType?.kind === 'map' ? field.listType.keys : undefined,
    map: field.mapType,
    struct: field.structType,
    merge: field.patchMerge !== undefined,
    mergeKey: field.patchMerge?.key,
    retainKeys: field.patchRetainKeys,
  };
}

function factFieldText(fact: FactField, field: FieldDef): object {
  const strategies = fact.patchStrategy?.split(',') ?? [];
  return {
    type: factText(fact.type),
    number: fact.pb,
    // A struct that is always there is marked in place of being optional.
    optional: fact.optional === true && !field.always,
    required: fact.required === true,
    keepZero: fact.omitempty !== true,
    list: fact.listType,
    keys: fact.listMapKeys,
    map: fact.mapType,
    struct: fact.structType,
    merge: strategies.includes('merge'),
    mergeKey: fact.patchMergeKey,
    retainKeys: strategies.includes('retainKeys'),
  };
}

function typeText(schema: Schema, ref: TypeRef): string {
  switch (ref.is) {
    case 'scalar':
      return ref.scalar;
    case 'named':
      return publishedName(schema, ref.name);
    case 'list':
      return `[]${typeText(schema, ref.of)}`;
    case 'map':
      return `map ${typeText(schema, ref.of)}`;
  }
}

function factText(type: FactType): string {
  if (typeof type === 'string') return scalars[type] ?? type;
  return `${type[0] === 'list' ? '[]' : 'map '}${factText(type[1])}`;
}

function publishedName(schema: Schema, schemaName: string): string {
  const dot = schemaName.indexOf('.');
  const pkg = schema.packages.find(({ id }) => id === schemaName.slice(0, dot));
  return `${pkg?.openApiPrefix ?? '?'}${schemaName.slice(dot)}`;
}
