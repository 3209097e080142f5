/** serviceaccounts/token: a signed token for a service account, on request (TokenRequest of authentication.k8s.io/v1). */
import { Violations } from '../../api/field-path.js';
import type { BoundObjectReference, TokenRequest } from '../../api/generated/authentication-v1.js';
import type { ServiceAccount } from '../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { nodes, pods, secrets, serviceAccounts } from '../../api/resources.js';
import { conflict, invalid, StatusError } from '../../api/status-error.js';
import type { Handler, ServerParts } from '../handlers/context.js';
import { emptyBody, readSubresourceObject } from '../handlers/read-object.js';
import { readDryRun } from '../handlers/request-options.js';
import { respondSubresource } from '../handlers/represent.js';
import { addWarning } from '../http/respond.js';
import { timestamp } from '../resources/object-meta.js';
import type { NamedObject } from '../service-accounts/claims.js';
import {
  defaultTokenSeconds,
  maxTokenSeconds,
  minTokenSeconds,
  tokenLife,
} from '../service-accounts/token-life.js';

const schemaName = 'authentication/v1.TokenRequest';
const subject = { group: 'authentication.k8s.io', resource: 'tokenrequests', kind: 'TokenRequest' };

export const handleTokenRequest: Handler = async (request) => {
  const { exchange, parts, path } = request;
  const { tokens, clock, resources, schema } = parts;
  const asked = await readSubresourceObject<Partial<TokenRequest>>(exchange, schema, schemaName);
  if (asked === undefined) throw emptyBody();
  const { namespace, name } = path;
  checkRequest(asked, namespace, name);
  const stored = await resources.of(serviceAccounts).storage.get(namespace, name, exchange.signal);
  const audiences =
    (asked.spec?.audiences ?? []).length > 0 ? (asked.spec?.audiences ?? []) : tokens.audiences;
  const bound = await findBoundObjects(parts, stored.object, asked.spec?.boundObjectRef);
  const life = tokenLife({
    requestedSeconds: asked.spec?.expirationSeconds ?? defaultTokenSeconds,
    maxSeconds: tokens.options.maxLifeSeconds,
    extend: tokens.options.extendExpiration,
    isPodBound: bound.pod !== undefined,
    isForServer: audiences.every((one) => tokens.audiences.includes(one)),
  });
  if (life.shortened)
    addWarning(
      exchange,
      `requested expiration of ${String(asked.spec?.expirationSeconds)} seconds shortened to ${life.requestedSeconds} seconds`,
    );
  const nowMs = clock.now();
  const nowSeconds = Math.floor(nowMs / 1000);
  // A dry run says what it would grant and grants nothing.
  const token = readDryRun(exchange)
    ? ''
    : await tokens.issuer.issue({
        audiences,
        nowSeconds,
        lifeSeconds: life.lifeSeconds,
        ...(life.warnAfterSeconds === undefined ? {} : { warnAfterSeconds: life.warnAfterSeconds }),
        namespace,
        serviceAccount: { name, uid: stored.object.metadata.uid },
        ...bound,
      });
  const answer = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { ...asked.metadata, name, namespace, creationTimestamp: timestamp(nowMs) },
    spec: {
      audiences: [...audiences],
      expirationSeconds: life.requestedSeconds,
      ...(asked.spec?.boundObjectRef === undefined ? {} : { boundObjectRef: asked.spec.boundObjectRef }),
    },
    status: { token, expirationTimestamp: timestamp((nowSeconds + life.requestedSeconds) * 1000) },
  } satisfies TokenRequest;
  await respondSubresource(request, 201, schemaName, answer as KubernetesObject);
};

function checkRequest(asked: Partial<TokenRequest>, namespace: string, name: string): void {
  const violations = new Violations();
  const meta: { name?: string; namespace?: string } = asked.metadata ?? {};
  if ((meta.name ?? '') !== '' && meta.name !== name)
    violations.invalid('metadata.name', meta.name, 'must match the service account name if specified');
  if ((meta.namespace ?? '') !== '' && meta.namespace !== namespace)
    violations.invalid(
      'metadata.namespace',
      meta.namespace,
      'must match the service account namespace if specified',
    );
  const seconds = asked.spec?.expirationSeconds;
  if (seconds !== undefined && seconds < minTokenSeconds)
    violations.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes');
  if (seconds !== undefined && seconds > maxTokenSeconds)
    violations.invalid(
      'spec.expirationSeconds',
      seconds,
      'may not specify a duration larger than 2^32 seconds',
    );
  if (violations.any) throw invalid(subject, meta.name ?? '', violations.causes);
}

interface BoundObjects {
  readonly pod?: NamedObject;
  readonly secret?: NamedObject;
  readonly node?: NamedObject;
}

async function findBoundObjects(
  parts: ServerParts,
  account: ServiceAccount,
  reference: BoundObjectReference | undefined,
): Promise<BoundObjects> {
  if (reference === undefined) return {};
  const { kind = '', apiVersion = '', name = '' } = reference;
  const { namespace } = account.metadata;
  // The core group has no name; any of its versions will do, none at all as well.
  switch (apiVersion.includes('/') ? '' : kind) {
    case 'Pod':
      return bindToPod(parts, account, name, reference);
    case 'Secret': {
      const { object } = await parts.resources.of(secrets).storage.get(namespace, name);
      return { secret: checkUid(reference, object.metadata) };
    }
    case 'Node': {
      const { object } = await parts.resources.of(nodes).storage.get('', name);
      return { node: checkUid(reference, object.metadata) };
    }
    default:
      throw new StatusError('BadRequest', `cannot bind token to object of type ${apiVersion}, Kind=${kind}`);
  }
}

async function bindToPod(
  { resources }: ServerParts,
  account: ServiceAccount,
  name: string,
  reference: BoundObjectReference,
): Promise<BoundObjects> {
  const { object: pod } = await resources.of(pods).storage.get(account.metadata.namespace, name);
  if (pod.spec.serviceAccountName !== account.metadata.name)
    throw new StatusError(
      'BadRequest',
      `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
    );
  const bound = { pod: checkUid(reference, pod.metadata) };
  const { nodeName = '' } = pod.spec;
  if (nodeName === '') return bound;
  const node = await resources.of(nodes).storage.find('', nodeName);
  // The pod's word on its node is enough; the UID is told along where the node is known.
  return { ...bound, node: { name: nodeName, uid: node?.object.metadata.uid ?? '' } };
}

function checkUid(
  reference: BoundObjectReference,
  { name, uid }: { readonly name: string; readonly uid: string },
): NamedObject {
  const wanted = reference.uid ?? '';
  if (wanted !== '' && wanted !== uid)
    throw conflict(
      { group: '', resource: reference.kind ?? '' },
      name,
      `the UID in the bound object reference (${wanted}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  return { name, uid };
}
