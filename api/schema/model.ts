/**
 * The in-memory form of the API description: what `api/schema/definitions/*.api` says, ready to walk.
 *
 * One description drives decoding, defaulting, structural validation, patches, OpenAPI and the generated
 * TypeScript types. Adding a kind is a block in a `.api` file, a strategy file and a line in the registry.
 */

/** Types whose JSON form is not an object described by fields. `any` is arbitrary JSON. */
export const scalarTypes = [
  'string',
  'boolean',
  'int32',
  'int64',
  'double',
  'bytes',
  'any',
  'Time',
  'MicroTime',
  'Duration',
  'Quantity',
  'IntOrString',
  'RawExtension',
  'FieldsV1',
] as const;
export type ScalarType = (typeof scalarTypes)[number];

/** A type as it stands after the colon of a field. Named types carry their full name, `core/v1.Container`. */
export type TypeRef =
  | { readonly is: 'scalar'; readonly scalar: ScalarType }
  | { readonly is: 'named'; readonly name: string }
  | { readonly is: 'list'; readonly of: TypeRef }
  | { readonly is: 'map'; readonly of: TypeRef };

/** How server-side apply and structural validation treat a list. */
export type ListType =
  | { readonly kind: 'atomic' }
  | { readonly kind: 'set' }
  | { readonly kind: 'map'; readonly keys: readonly string[] };

export interface FieldDef {
  readonly name: string;
  readonly type: TypeRef;
  /** Protobuf field number; absent where the field has no protobuf form. */
  readonly number?: number;
  /** May be left out by a client. */
  readonly optional: boolean;
  /** A struct that is never nil in Kubernetes, so that it is always present in what the server answers. */
  readonly always: boolean;
  /** Marked as required by Kubernetes' own OpenAPI markers. */
  readonly required: boolean;
  /** The zero value is written out, too (no `omitempty`). */
  readonly keepZero: boolean;
  /**
   * Kubernetes tells "not set" from zero here (a pointer in Go). In protobuf such a field is written when it is set, every
   * other scalar and struct always.
   */
  readonly pointer: boolean;
  readonly listType?: ListType;
  readonly mapType?: 'granular' | 'atomic';
  readonly structType?: 'granular' | 'atomic';
  /** Strategic merge patch: merge lists by this key (absent for lists of scalars) instead of replacing. */
  readonly patchMerge?: { readonly key?: string };
  /** Strategic merge patch: drop the keys that the patch does not name. */
  readonly patchRetainKeys: boolean;
  /** Static default, as JSON. */
  readonly default?: unknown;
  readonly description: string;
}

/** A member that is flattened into its parent in JSON; with a number it is a nested message in protobuf. */
export interface InlineDef {
  readonly type: string;
  readonly number?: number;
}

export interface ObjectDef {
  readonly is: 'object';
  readonly name: string;
  readonly shortName: string;
  /** `kind` has endpoints of its own, `object` carries apiVersion and kind only, `type` is a plain struct. */
  readonly role: 'kind' | 'object' | 'type';
  readonly scope?: 'namespaced' | 'cluster';
  readonly atomic: boolean;
  /** All fields by JSON name, those of inline members included. */
  readonly fields: ReadonlyMap<string, FieldDef>;
  /** The fields written in this block itself. */
  readonly ownFields: readonly FieldDef[];
  readonly inlines: readonly InlineDef[];
  readonly description: string;
}

export interface EnumDef {
  readonly is: 'enum';
  readonly name: string;
  readonly shortName: string;
  readonly values: readonly string[];
  readonly description: string;
}

export interface AliasDef {
  readonly is: 'alias';
  readonly name: string;
  readonly shortName: string;
  readonly target: TypeRef;
  /**
   * Of a union: the forms that the JSON may have, each with its protobuf field number. To all who do not look here a union
   * is arbitrary JSON.
   */
  readonly forms?: readonly UnionForm[];
  readonly description: string;
}

export interface UnionForm {
  readonly type: TypeRef;
  readonly number: number;
}

export type TypeDef = ObjectDef | EnumDef | AliasDef;

/** One `.api` file: a group and version. */
export interface PackageDef {
  /** `core/v1`: the prefix of its types' names. */
  readonly id: string;
  /** `io.k8s.api.core.v1`: the prefix of the names in OpenAPI. */
  readonly openApiPrefix: string;
  /** `apps`, '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly types: readonly TypeDef[];
}

export interface Schema {
  readonly packages: readonly PackageDef[];
  /** Every type by its full name, `core/v1.Pod`. */
  readonly types: ReadonlyMap<string, TypeDef>;
}
