/** What can be done where: the paths of all resources with their verbs, independent of the version of OpenAPI. */
import type { ResourceDefinition } from '../resources.js';
import type { QueryParameter } from './query-parameters.js';
import {
  attachParameters,
  createParameters,
  deleteParameters,
  execParameters,
  listParameters,
  logParameters,
  patchParameters,
  portForwardParameters,
  proxyParameters,
} from './query-parameters.js';
import type { GroupVersionKind } from './schema-objects.js';

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete' | 'options' | 'head';

export interface ApiOperation {
  readonly method: Method;
  readonly operationId: string;
  readonly description: string;
  /** `core_v1`. */
  readonly tag: string;
  /** Kubernetes' word for the verb: list, deletecollection, connect, … */
  readonly action: string;
  readonly gvk: GroupVersionKind;
  readonly query: readonly QueryParameter[];
  /**
   * Name of the body's type in the schema; 'patch' for all patch formats, 'plain patch' where there is no strategic merge
   * patch: kubectl chooses by this.
   */
  readonly body?: { readonly type: string; readonly required: boolean } | 'patch' | 'plain patch';
  /** Name of the answer's type in the schema; 'text' for plain text. */
  readonly response: string;
}

export type PathParameter = 'name' | 'namespace' | 'path';

export interface ApiPath {
  readonly path: string;
  /** `api/v1`, `apis/apps/v1`: which document of version 3 it belongs to. */
  readonly root: string;
  readonly pathParameters: readonly PathParameter[];
  readonly operations: readonly ApiOperation[];
}

const statusType = 'meta/v1.Status';
const deleteOptionsType = 'meta/v1.DeleteOptions';

/** `api/v1` for the core group, `apis/<group>/<version>` for the others. */
export function rootOf({ group, version }: { group: string; version: string }): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

export function pathsOf(resources: readonly ResourceDefinition[]): ApiPath[] {
  return resources.flatMap((resource) => new ResourcePaths(resource).all());
}

/** `apps_v1`; `stableExampleCom_v1` for the custom resources of stable.example.com. */
function tagOf({ schemaName, group, version, custom }: ResourceDefinition): string {
  if (custom === true)
    return `${group.replaceAll(/[.-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}_${version}`;
  return schemaName.slice(0, schemaName.indexOf('.')).replace('/', '_');
}

interface Subresource {
  readonly type?: string;
  readonly gvk?: GroupVersionKind;
  readonly verbs: readonly SubresourceVerb[];
  /** Query parameters of a connection. */
  readonly query?: readonly QueryParameter[];
}

/** A stream to a container, opened with GET or POST. */
function connection(optionsKind: string, query: readonly QueryParameter[]): Subresource {
  return { type: 'text', gvk: { group: '', version: 'v1', kind: optionsKind }, verbs: ['connect'], query };
}

/** Subresources that do not speak the kind of their resource. `undefined`: the same kind. */
const subresources: Readonly<Record<string, Subresource>> = {
  status: { verbs: ['get', 'put', 'patch'] },
  approval: { verbs: ['get', 'put', 'patch'] },
  ephemeralcontainers: { verbs: ['get', 'put', 'patch'] },
  resize: { verbs: ['get', 'put', 'patch'] },
  finalize: { verbs: ['put'] },
  scale: {
    type: 'autoscaling/v1.Scale',
    gvk: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    verbs: ['get', 'put', 'patch'],
  },
  binding: {
    type: 'core/v1.Binding',
    gvk: { group: '', version: 'v1', kind: 'Binding' },
    verbs: ['post'],
  },
  eviction: {
    type: 'policy/v1.Eviction',
    gvk: { group: 'policy', version: 'v1', kind: 'Eviction' },
    verbs: ['post'],
  },
  token: {
    type: 'authentication/v1.TokenRequest',
    gvk: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    verbs: ['post'],
  },
  log: { type: 'text', verbs: ['log'] },
  exec: connection('PodExecOptions', execParameters),
  attach: connection('PodAttachOptions', attachParameters),
  portforward: connection('PodPortForwardOptions', portForwardParameters),
};
/** Kubernetes' words for what an operation does, where they are not the verbs of discovery. */
const verbOfAction: Readonly<Record<string, string>> = { post: 'create', put: 'update' };

const proxyMethods: readonly Method[] = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

type SubresourceVerb = 'get' | 'put' | 'patch' | 'post' | 'log' | 'connect';

class ResourcePaths {
  readonly #resource: ResourceDefinition;
  readonly #gvk: GroupVersionKind;
  readonly #root: string;
  readonly #tag: string;

  constructor(resource: ResourceDefinition) {
    this.#resource = resource;
    this.#gvk = { group: resource.group, version: resource.version, kind: resource.kind };
    this.#root = rootOf(resource);
    this.#tag = tagOf(resource);
  }

  all(): ApiPath[] {
    const { namespaced, plural } = this.#resource;
    const collection = namespaced
      ? `/${this.#root}/namespaces/{namespace}/${plural}`
      : `/${this.#root}/${plural}`;
    const within = namespaced ? (['namespace'] as const) : [];
    const paths: ApiPath[] = [
      this.#path(collection, within, this.#collectionOperations()),
      this.#path(`${collection}/{name}`, ['name', ...within], this.#itemOperations()),
    ].filter(({ operations }) => operations.length > 0);
    for (const subresource of this.#resource.subresources) {
      if (subresource === 'proxy') {
        const proxy = `${collection}/{name}/proxy`;
        paths.push(
          this.#path(proxy, ['name', ...within], this.#proxyOperations('Proxy')),
          this.#path(`${proxy}/{path}`, ['name', ...within, 'path'], this.#proxyOperations('ProxyWithPath')),
        );
        continue;
      }
      const operations = this.#subresourceOperations(subresource);
      paths.push(this.#path(`${collection}/{name}/${subresource}`, ['name', ...within], operations));
    }
    if (namespaced && this.#resource.verbs.includes('list')) {
      const everywhere = this.#operation('get', 'list', 'list', 'ForAllNamespaces', {
        description: `list ${this.#resource.kind} objects of all namespaces`,
        query: listParameters,
        response: `${this.#resource.schemaName}List`,
      });
      paths.push(this.#path(`/${this.#root}/${plural}`, [], [everywhere]));
    }
    return paths;
  }

  #path(path: string, pathParameters: ApiPath['pathParameters'], operations: ApiOperation[]): ApiPath {
    return { path, root: this.#root, pathParameters, operations };
  }

  #collectionOperations(): ApiOperation[] {
    const { kind, schemaName } = this.#resource;
    return this.#served([
      this.#operation('get', 'list', 'list', '', {
        description: `list or watch objects of kind ${kind}`,
        query: listParameters,
        response: `${schemaName}List`,
      }),
      this.#operation('post', 'create', 'post', '', {
        description: `create a ${kind}`,
        query: createParameters,
        body: { type: schemaName, required: true },
        response: schemaName,
      }),
      this.#operation('delete', 'deleteCollection', 'deletecollection', '', {
        description: `delete a collection of ${kind} objects`,
        query: [...deleteParameters, ...listParameters.filter(({ name }) => name !== 'watch')],
        body: { type: deleteOptionsType, required: false },
        response: statusType,
      }),
    ]);
  }

  /** What is computed can do less than what is stored. */
  #served(operations: readonly ApiOperation[]): ApiOperation[] {
    return operations.filter(({ action }) => this.#resource.verbs.includes(verbOfAction[action] ?? action));
  }

  #itemOperations(): ApiOperation[] {
    const { kind, schemaName } = this.#resource;
    return this.#served([
      ...this.#readAndWrite(schemaName, `the ${kind}`, ''),
      this.#operation('delete', 'delete', 'delete', '', {
        description: `delete the ${kind}`,
        query: deleteParameters,
        body: { type: deleteOptionsType, required: false },
        response: statusType,
      }),
    ]);
  }

  #readAndWrite(type: string, what: string, suffix: string, gvk = this.#gvk): ApiOperation[] {
    return [
      this.#operation('get', 'read', 'get', suffix, { description: `read ${what}`, response: type, gvk }),
      this.#operation('put', 'replace', 'put', suffix, {
        description: `replace ${what}`,
        query: createParameters,
        body: { type, required: true },
        response: type,
        gvk,
      }),
      this.#operation('patch', 'patch', 'patch', suffix, {
        description: `update parts of ${what}`,
        query: patchParameters,
        body: this.#resource.custom === true && suffix !== 'Scale' ? 'plain patch' : 'patch',
        response: type,
        gvk,
      }),
    ];
  }

  #proxyOperations(suffix: string): ApiOperation[] {
    const { kind, group, version } = this.#resource;
    return proxyMethods.map((method) => ({
      ...this.#operation(method, 'connect', 'connect', suffix, {
        description: `pass ${method.toUpperCase()} requests on to the ${kind}`,
        response: 'text',
        query: suffix === 'Proxy' ? proxyParameters : [],
        gvk: { group, version, kind: `${kind}ProxyOptions` },
      }),
      operationId: this.#connectId(method, suffix),
    }));
  }

  #subresourceOperations(name: string): ApiOperation[] {
    const known = subresources[name];
    if (known === undefined) throw new TypeError(`operations.ts does not know the subresource ${name}`);
    const type = known.type ?? this.#resource.schemaName;
    const gvk = known.gvk ?? this.#gvk;
    const suffix = name.charAt(0).toUpperCase() + name.slice(1);
    const what = `${name} of the ${this.#resource.kind}`;
    const standard = this.#readAndWrite(type, what, suffix, gvk);
    const operation = (method: Method, verb: string, action: string, query: readonly QueryParameter[]) =>
      this.#operation(method, verb, action, suffix, {
        description: `${verb} ${what}`,
        query,
        response: type,
        gvk,
      });
    return known.verbs.flatMap((verb): ApiOperation[] => {
      switch (verb) {
        case 'log':
          return [operation('get', 'read', 'get', logParameters)];
        case 'connect':
          return [
            {
              ...operation('get', 'connect', 'connect', known.query ?? []),
              operationId: this.#connectId('get', suffix),
            },
            {
              ...operation('post', 'connect', 'connect', known.query ?? []),
              operationId: this.#connectId('post', suffix),
            },
          ];
        case 'post':
          return [
            { ...operation('post', 'create', 'post', createParameters), body: { type, required: true } },
          ];
        case 'get':
        case 'put':
        case 'patch':
          return standard.filter(({ method }) => method === verb);
      }
    });
  }

  #operation(
    method: Method,
    verb: string,
    action: string,
    suffix: string,
    rest: Pick<ApiOperation, 'description' | 'response'> &
      Partial<Pick<ApiOperation, 'query' | 'body' | 'gvk'>>,
  ): ApiOperation {
    const operationId = this.#id(verb, suffix);
    return { method, operationId, tag: this.#tag, action, gvk: this.#gvk, query: [], ...rest };
  }

  /** `connectCoreV1GetNamespacedPodExec`. */
  #connectId(method: Method, suffix: string): string {
    const word = method.charAt(0).toUpperCase() + method.slice(1);
    const scope = this.#resource.namespaced ? 'Namespaced' : '';
    return `connect${this.#home()}${word}${scope}${this.#resource.kind}${suffix}`;
  }

  #home(): string {
    const [group = '', version = ''] = this.#tag.split('_');
    return group.charAt(0).toUpperCase() + group.slice(1) + version.toUpperCase();
  }

  /** `createCoreV1NamespacedPod`, `deleteAppsV1CollectionNamespacedDeployment`. */
  #id(verb: string, suffix: string): string {
    const scope = this.#resource.namespaced && suffix !== 'ForAllNamespaces' ? 'Namespaced' : '';
    const collection = verb === 'deleteCollection' ? 'Collection' : '';
    return `${verb.replace('Collection', '')}${this.#home()}${collection}${scope}${this.#resource.kind}${suffix}`;
  }
}
