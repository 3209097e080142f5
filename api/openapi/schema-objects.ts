/** Turns types of the API description into the schema objects of OpenAPI, version 2 or 3. */
import { listKindOf } from '../resources.js';
import type { ResourceDefinition } from '../resources.js';
import type { FieldDef, ObjectDef, ScalarType, Schema, TypeRef } from '../schema/model.js';

export type OpenApiFlavor = 'v2' | 'v3';

/** The part of JSON Schema that Kubernetes' OpenAPI uses. Keys that start with `x-` are extensions. */
export interface SchemaObject {
  $ref?: string;
  allOf?: SchemaObject[];
  oneOf?: SchemaObject[];
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: string[];
  required?: string[];
  items?: SchemaObject;
  properties?: Record<string, SchemaObject>;
  additionalProperties?: SchemaObject;
  [extension: `x-${string}`]: unknown;
}

/** The schema that a CustomResourceDefinition gives to a kind, as this version of OpenAPI can say it. */
export type CustomSchema = (flavor: OpenApiFlavor) => SchemaObject;

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const plainScalars: Partial<Record<ScalarType, SchemaObject>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  any: {},
};

interface NamedScalar {
  readonly name: string;
  readonly v2: SchemaObject;
  /** Where version 3 can say more. */
  readonly v3?: SchemaObject;
}

const machinery = 'io.k8s.apimachinery.pkg';

/** Scalars that Kubernetes publishes as definitions with names of their own. */
const namedScalars: Partial<Record<ScalarType, NamedScalar>> = {
  Time: {
    name: `${machinery}.apis.meta.v1.Time`,
    v2: { type: 'string', format: 'date-time', description: 'A time to the second, RFC 3339.' },
  },
  MicroTime: {
    name: `${machinery}.apis.meta.v1.MicroTime`,
    v2: { type: 'string', format: 'date-time', description: 'A time to the microsecond, RFC 3339.' },
  },
  Duration: {
    name: `${machinery}.apis.meta.v1.Duration`,
    v2: { type: 'string', description: 'A duration such as 1h30m.' },
  },
  Quantity: {
    name: `${machinery}.api.resource.Quantity`,
    v2: { type: 'string', description: 'An exact number with a suffix, such as 100m or 1.5Gi.' },
    v3: {
      oneOf: [{ type: 'string' }, { type: 'number' }],
      description: 'An exact number with a suffix, such as 100m or 1.5Gi.',
    },
  },
  IntOrString: {
    name: `${machinery}.util.intstr.IntOrString`,
    v2: {
      type: 'string',
      format: 'int-or-string',
      description: 'A number, or a name or percentage as text.',
    },
    v3: {
      oneOf: [{ type: 'integer' }, { type: 'string' }],
      format: 'int-or-string',
      description: 'A number, or a name or percentage as text.',
    },
  },
  RawExtension: {
    name: `${machinery}.runtime.RawExtension`,
    v2: { type: 'object', description: 'An object of any kind.' },
  },
  FieldsV1: {
    name: `${machinery}.apis.meta.v1.FieldsV1`,
    v2: { type: 'object', description: 'A set of fields, as a tree of their names.' },
  },
};

const listSuffix = 'List';

/**
 * Builds definitions as they are referred to: {@link reference} remembers what it named, {@link definitions} then holds
 * everything reachable from there.
 */
export class SchemaObjectBuilder {
  readonly #schema: Schema;
  readonly #flavor: OpenApiFlavor;
  readonly #resources: ReadonlyMap<string, ResourceDefinition>;
  readonly #custom: ReadonlyMap<string, CustomSchema>;
  readonly #wanted: string[] = [];
  readonly #built = new Map<string, SchemaObject>();
  readonly #makers = new Map<string, () => SchemaObject>();

  /** `custom` holds the schemas of custom resources by their `schemaName`. */
  constructor(
    schema: Schema,
    flavor: OpenApiFlavor,
    resources: readonly ResourceDefinition[],
    custom: ReadonlyMap<string, CustomSchema>,
  ) {
    this.#schema = schema;
    this.#flavor = flavor;
    this.#resources = new Map(resources.map((resource) => [resource.schemaName, resource]));
    this.#custom = custom;
  }

  /** A reference to a type of the description (`core/v1.Pod`), or to the list of a kind (`core/v1.PodList`). */
  reference(schemaName: string): SchemaObject {
    const published = this.#publishedName(schemaName);
    return this.#refer(published, () => this.#buildNamed(schemaName));
  }

  /** Everything that was referred to, and what that refers to, by published name in order of names. */
  definitions(): Record<string, SchemaObject> {
    for (let name = this.#wanted.pop(); name !== undefined; name = this.#wanted.pop()) {
      const make = this.#makers.get(name);
      if (make !== undefined && !this.#built.has(name)) this.#built.set(name, make());
    }
    return Object.fromEntries([...this.#built].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #refer(published: string, make: () => SchemaObject): SchemaObject {
    if (!this.#makers.has(published)) {
      this.#makers.set(published, make);
      this.#wanted.push(published);
    }
    const prefix = this.#flavor === 'v2' ? '#/definitions/' : '#/components/schemas/';
    return { $ref: prefix + published };
  }

  #publishedName(schemaName: string): string {
    if (this.#resources.get(schemaName.replace(/List$/, ''))?.custom === true) return schemaName;
    if (this.#resources.get(schemaName)?.custom === true) return schemaName;
    const dot = schemaName.indexOf('.');
    const pkg = this.#schema.packages.find(({ id }) => id === schemaName.slice(0, dot));
    if (pkg === undefined) throw new TypeError(`the API description has no type ${schemaName}`);
    return `${pkg.openApiPrefix}${schemaName.slice(dot)}`;
  }

  #buildNamed(schemaName: string): SchemaObject {
    const type = this.#schema.types.get(schemaName);
    if (type?.is === 'object') return this.#buildObject(type);
    const resource = this.#resources.get(schemaName);
    if (resource?.custom === true) return this.#buildCustom(resource);
    const listed = this.#resources.get(schemaName.slice(0, -listSuffix.length));
    if (schemaName.endsWith(listSuffix) && listed !== undefined) return this.#buildList(schemaName, listed);
    throw new TypeError(`the API description has no object ${schemaName}`);
  }

  #buildObject(type: ObjectDef): SchemaObject {
    const properties = new Map<string, SchemaObject>();
    const required: string[] = [];
    if (type.role !== 'type') for (const [name, text] of typeMeta) properties.set(name, { ...text });
    for (const field of type.fields.values()) {
      properties.set(field.name, this.#buildField(field));
      if (field.required || (!field.optional && field.keepZero)) required.push(field.name);
    }
    return {
      type: 'object',
      ...describe(type.description),
      ...(required.length === 0 ? {} : { required: required.sort() }),
      ...(properties.size === 0
        ? {}
        : { properties: Object.fromEntries([...properties].sort(([a], [b]) => (a < b ? -1 : 1))) }),
      ...(type.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(type.role === 'type' ? {} : groupVersionKinds(this.#gvkOf(type.name))),
    };
  }

  #buildCustom({ schemaName, group, version, kind }: ResourceDefinition): SchemaObject {
    const own = this.#custom.get(schemaName)?.(this.#flavor) ?? { type: 'object' };
    const metadata = this.reference('meta/v1.ObjectMeta');
    return {
      ...own,
      properties: {
        ...own.properties,
        apiVersion: { ...typeMeta.get('apiVersion') },
        kind: { ...typeMeta.get('kind') },
        metadata: this.#flavor === 'v2' ? metadata : { allOf: [metadata] },
      },
      ...groupVersionKinds({ group, version, kind }),
    };
  }

  #buildList(schemaName: string, listed: ResourceDefinition): SchemaObject {
    const { group, version, custom } = listed;
    const gvk = custom === true ? { group, version, kind: listKindOf(listed) } : this.#gvkOf(schemaName);
    return {
      type: 'object',
      description: `A list of objects of kind ${listed.kind}.`,
      required: ['items'],
      properties: {
        apiVersion: { ...typeMeta.get('apiVersion') },
        items: { type: 'array', items: this.reference(listed.schemaName), description: 'The objects.' },
        kind: { ...typeMeta.get('kind') },
        metadata: this.reference('meta/v1.ListMeta'),
      },
      ...groupVersionKinds(gvk),
    };
  }

  #gvkOf(schemaName: string): GroupVersionKind {
    const dot = schemaName.indexOf('.');
    const pkg = this.#schema.packages.find(({ id }) => id === schemaName.slice(0, dot));
    // What all groups share is published under the core group.
    const group = pkg === undefined || pkg.id === 'meta/v1' ? '' : pkg.group;
    return { group, version: pkg?.version ?? '', kind: schemaName.slice(dot + 1) };
  }

  #buildField(field: FieldDef): SchemaObject {
    const core = this.#buildType(field.type);
    const extras: SchemaObject = { ...describe(field.description), ...extensionsOf(field) };
    if (field.default !== undefined) extras.default = field.default;
    else if (this.#flavor === 'v3' && field.always) extras.default = {};
    if (core.$ref === undefined || this.#flavor === 'v2') return { ...core, ...extras };
    // In version 3 nothing may stand beside a $ref.
    return Object.keys(extras).length === 0 ? core : { allOf: [core], ...extras };
  }

  #buildType(ref: TypeRef): SchemaObject {
    switch (ref.is) {
      case 'scalar':
        return this.#buildScalar(ref.scalar);
      case 'list':
        return { type: 'array', items: this.#buildType(ref.of) };
      case 'map':
        return { type: 'object', additionalProperties: this.#buildType(ref.of) };
      case 'named': {
        const type = this.#schema.types.get(ref.name);
        if (type?.is === 'alias') return this.#buildType(type.target);
        if (type?.is === 'enum') return { type: 'string', enum: [...type.values].sort() };
        return this.reference(ref.name);
      }
    }
  }

  #buildScalar(scalar: ScalarType): SchemaObject {
    const named = namedScalars[scalar];
    if (named === undefined) return { ...plainScalars[scalar] };
    return this.#refer(named.name, () => (this.#flavor === 'v3' ? (named.v3 ?? named.v2) : named.v2));
  }
}

const typeMeta: ReadonlyMap<string, SchemaObject> = new Map([
  [
    'apiVersion',
    { type: 'string', description: 'Group and version that the object is written in, such as apps/v1.' },
  ],
  ['kind', { type: 'string', description: 'What the object is, such as Pod; cannot be changed.' }],
]);

function describe(description: string): SchemaObject {
  return description === '' ? {} : { description };
}

export function groupVersionKinds(gvk: GroupVersionKind): SchemaObject {
  return { 'x-kubernetes-group-version-kind': [gvk] };
}

function extensionsOf(field: FieldDef): SchemaObject {
  const extensions: SchemaObject = {};
  if (field.listType !== undefined) {
    extensions['x-kubernetes-list-type'] = field.listType.kind;
    if (field.listType.kind === 'map') extensions['x-kubernetes-list-map-keys'] = field.listType.keys;
  }
  const mapType = field.mapType ?? field.structType;
  if (mapType !== undefined) extensions['x-kubernetes-map-type'] = mapType;
  const strategies = [
    ...(field.patchMerge === undefined ? [] : ['merge']),
    ...(field.patchRetainKeys ? ['retainKeys'] : []),
  ];
  if (strategies.length > 0) extensions['x-kubernetes-patch-strategy'] = strategies.join(',');
  if (field.patchMerge?.key !== undefined) extensions['x-kubernetes-patch-merge-key'] = field.patchMerge.key;
  return extensions;
}
