/** From a CustomResourceDefinition to the resources that are served for it: one for each of its versions. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../../api/generated/apiextensions-v1.js';
import { customSchemaV2, customSchemaV3 } from '../../api/custom-resources/custom-openapi.js';
import { customType } from '../../api/custom-resources/custom-type.js';
import { isConditionTrue } from '../../api/custom-resources/definition-status.js';
import { fillDefaults } from '../../api/custom-resources/defaults.js';
import { printerColumns } from '../../api/custom-resources/printer-columns.js';
import { prune } from '../../api/custom-resources/prune.js';
import type { SchemaRules } from '../../api/custom-resources/rules.js';
import { compileSchema, schemasWithin } from '../../api/custom-resources/schema-node.js';
import type { SchemaNode } from '../../api/custom-resources/schema-node.js';
import type { ObjectType } from '../../api/object-type.js';
import type { CustomSchema } from '../../api/openapi/schema-objects.js';
import { resourceVerbs } from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Schema } from '../../api/schema/model.js';
import type { AnyColumns } from '../../api/tables/table.js';
import type { ResourceTable, ScalePaths, ServedResource } from '../handlers/context.js';
import type { Strategy } from '../resources/strategy.js';
import type { Encodings } from '../storage/encoding-cache.js';
import { apiVersionOf } from '../storage/object-codec.js';
import { ResourceStorage } from '../storage/resource-storage.js';
import type { StorageMetrics } from '../storage/storage-metrics.js';
import type { Store } from '../storage/store.js';
import type { VersionConversion } from '../storage/version-conversion.js';
import type { WatchCache } from '../storage/watch-cache.js';
import { compareVersions } from '../../api/custom-resources/compare-versions.js';
import { customStrategy } from './custom-strategy.js';
import { ConversionWebhook, WebhookConversion } from './webhook-conversion.js';

export interface ServeDependencies {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly encodings: Encodings;
  readonly metrics?: StorageMetrics;
  readonly schema: Schema;
  /** Where the Services of webhooks are looked up. */
  readonly resources: ResourceTable;
}

/** The resources of a definition that is established, the most stable version first. `gone` ends their watches. */
export function serveDefinition(
  definition: CustomResourceDefinition,
  dependencies: ServeDependencies,
  gone: AbortSignal,
): readonly ServedResource[] {
  const nodes = new Map(
    definition.spec.versions.map((version) => [version.name, lazily(() => nodeOf(version))]),
  );
  const storageVersion = definition.spec.versions.find(({ storage }) => storage);
  if (storageVersion === undefined) return [];
  const storedAs = resourceOf(definition, storageVersion);
  const { conversion } = definition.spec;
  const webhook =
    conversion?.strategy === 'Webhook'
      ? new ConversionWebhook(conversion, dependencies.resources, gone)
      : undefined;
  return definition.spec.versions
    .filter(({ served }) => served)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map(
      (version) => new ServedVersion({ definition, version, storedAs, nodes, dependencies, gone, webhook }),
    );
}

type Nodes = ReadonlyMap<string, () => SchemaNode>;

function nodeOf({ schema }: CustomResourceDefinitionVersion): SchemaNode {
  return compileSchema(schema?.openAPIV3Schema ?? {});
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Compiles its schema when the first request needs it: a cluster may have hundreds of definitions. */
class ServedVersion implements ServedResource {
  readonly definition: ResourceDefinition;
  readonly storage: ResourceStorage;
  readonly openApi: CustomSchema;
  readonly gone: AbortSignal;
  readonly deprecation?: string;
  readonly scale?: ScalePaths;
  readonly #type: () => ObjectType;
  readonly #strategy: () => Strategy;
  readonly #columns: () => AnyColumns;
  readonly load?: () => Promise<void>;
  #rules: SchemaRules | undefined;

  constructor(options: {
    readonly definition: CustomResourceDefinition;
    readonly version: CustomResourceDefinitionVersion;
    readonly storedAs: ResourceDefinition;
    readonly nodes: Nodes;
    readonly dependencies: ServeDependencies;
    readonly gone: AbortSignal;
    /** What converts versions, when they differ in more than their schemas. */
    readonly webhook: ConversionWebhook | undefined;
  }) {
    const { version, storedAs, nodes, dependencies, gone, webhook } = options;
    const { schema, store, cache, encodings } = dependencies;
    const definition =
      version.name === storedAs.version
        ? storedAs
        : { ...resourceOf(options.definition, version), viewOf: storedAs };
    const node = (): SchemaNode => nodeNamed(nodes, version.name);
    this.definition = definition;
    this.gone = gone;
    this.storage = new ResourceStorage(definition, {
      store,
      cache,
      encodings,
      gone,
      ...(webhook === undefined
        ? { conversion: conversionOf(definition, storedAs, nodes) }
        : { remoteConversion: remoteConversionOf(definition, storedAs, nodes, webhook) }),
      fieldReaders: () => this.strategy.selectableFields ?? {},
    });
    this.openApi = (flavor) => {
      const source = version.schema?.openAPIV3Schema ?? {};
      return flavor === 'v2' ? customSchemaV2(source) : customSchemaV3(source);
    };
    this.#type = lazily(() =>
      customType({ kind: definition.kind, version: version.name, node: node(), schema }),
    );
    this.#strategy = lazily(() =>
      customStrategy({ definition, version, node: node(), rules: () => this.#rules }),
    );
    if (hasRules(version)) this.load = () => this.#loadRules(node());
    this.#columns = lazily(() => printerColumns(version.additionalPrinterColumns ?? []));
    const { deprecated, deprecationWarning } = version;
    if (deprecated === true)
      this.deprecation = deprecationWarning ?? `${apiVersionOf(definition)} ${definition.kind} is deprecated`;
    const scale = scalePathsOf(version);
    if (scale !== undefined) this.scale = scale;
  }

  /** CEL is loaded with the first write of a resource that has rules. */
  async #loadRules(node: SchemaNode): Promise<void> {
    if (this.#rules !== undefined) return;
    const { SchemaRules } = await import('../../api/custom-resources/rules.js');
    this.#rules ??= new SchemaRules(node);
  }

  get type(): ObjectType {
    return this.#type();
  }

  get strategy(): Strategy {
    return this.#strategy();
  }

  get columns(): AnyColumns {
    return this.#columns();
  }
}

function hasRules({ schema }: CustomResourceDefinitionVersion): boolean {
  for (const one of schemasWithin(schema?.openAPIV3Schema ?? {}))
    if ((one['x-kubernetes-validations'] ?? []).length > 0) return true;
  return false;
}

function nodeNamed(nodes: Nodes, version: string): SchemaNode {
  const node = nodes.get(version);
  if (node === undefined) throw new Error(`a custom resource has no version ${version}`);
  return node();
}

/** What is served, under the names that were accepted. */
function resourceOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): ResourceDefinition {
  const { spec, status } = definition;
  const { plural, singular, kind, listKind, shortNames, categories } = status.acceptedNames ?? spec.names;
  const { subresources } = version;
  const isTerminating = isConditionTrue(definition, 'Terminating');
  return {
    group: spec.group,
    version: version.name,
    kind,
    listKind: listKind ?? `${kind}List`,
    plural,
    singular: singular ?? kind.toLowerCase(),
    shortNames: shortNames ?? [],
    categories: categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    schemaName: `${spec.group.split('.').reverse().join('.')}.${version.name}.${kind}`,
    subresources: [
      ...(subresources?.status === undefined ? [] : ['status']),
      ...(subresources?.scale === undefined ? [] : ['scale']),
    ],
    verbs: isTerminating ? resourceVerbs.filter((verb) => verb !== 'create') : resourceVerbs,
    custom: true,
  };
}

/**
 * Versions of a custom resource differ in their schemas only. What is read gets the defaults of the version that it was
 * stored in, and loses what the version that it is read in does not know.
 */
function conversionOf(
  definition: ResourceDefinition,
  storedAs: ResourceDefinition,
  nodes: Nodes,
): VersionConversion {
  const apiVersion = apiVersionOf(definition);
  const storedApiVersion = apiVersionOf(storedAs);
  return {
    storedAs,
    convertsAlways: true,
    toStored(object) {
      if (apiVersion === storedApiVersion) return object;
      const stored = { ...structuredClone(object), apiVersion: storedApiVersion };
      prune(stored, nodeNamed(nodes, storedAs.version));
      return stored;
    },
    fromStored(stored) {
      const version = stored.apiVersion.slice(stored.apiVersion.indexOf('/') + 1);
      const node = nodes.get(version) ?? nodes.get(storedAs.version);
      if (node !== undefined) fillDefaults(stored, node());
      prune(stored as unknown as Record<string, unknown>, nodeNamed(nodes, definition.version));
      stored.apiVersion = apiVersion;
      return stored;
    },
  };
}

function remoteConversionOf(
  definition: ResourceDefinition,
  storedAs: ResourceDefinition,
  nodes: Nodes,
  webhook: ConversionWebhook,
): WebhookConversion {
  const nodeOf = (version: string): SchemaNode =>
    nodeNamed(nodes, nodes.has(version) ? version : storedAs.version);
  return new WebhookConversion({ definition, storedAs, nodeOf, webhook });
}

function scalePathsOf({ subresources }: CustomResourceDefinitionVersion): ScalePaths | undefined {
  const scale = subresources?.scale;
  if (scale === undefined) return undefined;
  const { labelSelectorPath = '' } = scale;
  return {
    specReplicas: namesOf(scale.specReplicasPath),
    statusReplicas: namesOf(scale.statusReplicasPath),
    ...(labelSelectorPath === '' ? {} : { selector: namesOf(labelSelectorPath) }),
  };
}

function namesOf(path: string): readonly string[] {
  return path.split('.').filter((name) => name !== '');
}
