/** Versions of a custom resource that a webhook converts into each other. */
import { randomUUID } from 'node:crypto';
import type { CustomResourceConversion } from '../../api/generated/apiextensions-v1.js';
import { fillDefaults } from '../../api/custom-resources/defaults.js';
import { prune } from '../../api/custom-resources/prune.js';
import type { SchemaNode } from '../../api/custom-resources/schema-node.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { StatusError } from '../../api/status-error.js';
import type { ResourceTable } from '../handlers/context.js';
import { apiVersionOf, parseStored, toJson } from '../storage/object-codec.js';
import type { RemoteConversion } from '../storage/remote-conversion.js';
import { WebhookClient, WebhookError } from '../webhooks/webhook-client.js';
import {
  chooseReviewVersion,
  conversionReview,
  ConversionReviewError,
  readConversionReview,
} from './conversion-review.js';

const timeoutMs = 30_000;
/** A long list goes to the webhook in several calls, one after the other. */
const maxBatchObjects = 500;
const maxBatchBytes = 4 * 1024 * 1024;

/** Asks the webhook of one definition; shared by its versions. Calls end when the signal aborts. */
export class ConversionWebhook {
  readonly #client: WebhookClient;
  readonly #reviewVersions: readonly string[];
  readonly #gone: AbortSignal;

  constructor({ webhook }: CustomResourceConversion, resources: ResourceTable, gone: AbortSignal) {
    this.#client = new WebhookClient(webhook?.clientConfig ?? {}, resources);
    this.#reviewVersions = webhook?.conversionReviewVersions ?? [];
    this.#gone = gone;
    gone.addEventListener(
      'abort',
      () => {
        this.#client.close();
      },
      { once: true },
    );
  }

  /** The objects in another version, in order. Rejects with a StatusError in the words of Kubernetes. */
  async convert(
    objects: readonly KubernetesObject[],
    desiredApiVersion: string,
  ): Promise<readonly KubernetesObject[]> {
    const [first] = objects;
    if (first === undefined) return [];
    const subject = `conversion webhook for ${first.apiVersion}, Kind=${first.kind}`;
    const reviewVersion = chooseReviewVersion(this.#reviewVersions);
    if (reviewVersion === undefined) throw failure('no supported conversion review versions');
    const request = { reviewVersion, uid: randomUUID(), desiredApiVersion, objects: objects.map(asJson) };
    try {
      const answer = await this.#client.post(conversionReview(request), timeoutMs, this.#gone);
      return readConversionReview(request, answer) as readonly unknown[] as readonly KubernetesObject[];
    } catch (error) {
      if (error instanceof WebhookError) throw failure(`${subject} failed: ${error.message}`, error);
      if (error instanceof ConversionReviewError) throw failure(`${subject} ${error.message}`, error);
      throw error;
    }
  }
}

function asJson(object: KubernetesObject): Readonly<Record<string, unknown>> {
  return object as unknown as Readonly<Record<string, unknown>>;
}

function failure(message: string, cause?: unknown): StatusError {
  return new StatusError('Unknown', message, cause === undefined ? {} : { cause });
}

/** One version, as it is served and as it is stored. Its schemas are applied before and after each conversion. */
export class WebhookConversion implements RemoteConversion {
  readonly storedAs: ResourceDefinition;
  readonly #definition: ResourceDefinition;
  readonly #nodeOf: (version: string) => SchemaNode;
  readonly #webhook: ConversionWebhook;

  /** `nodeOf` gives the schema of a version, and that of the storage version for one that is there no more. */
  constructor(options: {
    readonly definition: ResourceDefinition;
    readonly storedAs: ResourceDefinition;
    readonly nodeOf: (version: string) => SchemaNode;
    readonly webhook: ConversionWebhook;
  }) {
    this.storedAs = options.storedAs;
    this.#definition = options.definition;
    this.#nodeOf = options.nodeOf;
    this.#webhook = options.webhook;
  }

  async toServed(values: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const served: Uint8Array[] = [];
    for (const batch of batchesOf(values)) served.push(...(await this.#serve(batch)));
    return served;
  }

  async toStored(object: KubernetesObject): Promise<KubernetesObject> {
    const apiVersion = apiVersionOf(this.storedAs);
    if (object.apiVersion === apiVersion) return object;
    const [stored] = await this.#webhook.convert([object], apiVersion);
    if (stored === undefined) throw new Error('a conversion of one object has one result');
    return this.#pruned(stored, this.storedAs);
  }

  async #serve(values: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const apiVersion = apiVersionOf(this.#definition);
    const objects = values.map((value) => this.#complete(parseStored(value, this.#definition.kind)));
    const others = objects.filter((object) => object.apiVersion !== apiVersion);
    const converted = await this.#webhook.convert(others, apiVersion);
    const byOriginal = new Map(others.map((object, index) => [object, converted[index] ?? object]));
    return objects.map((object, index) => {
      const value = values[index] ?? new Uint8Array();
      const result = this.#pruned(byOriginal.get(object) ?? object, this.#definition);
      const bytes = toJson(this.#definition, result);
      // What is served as it is stored takes no room of its own.
      return bytes.equals(value) ? value : bytes;
    });
  }

  /** What is stored gets the defaults of the version that it was stored in, and no others. */
  #complete(object: KubernetesObject): KubernetesObject {
    const version = object.apiVersion.slice(object.apiVersion.indexOf('/') + 1);
    fillDefaults(object, this.#nodeOf(version));
    return object;
  }

  #pruned(object: KubernetesObject, { version }: ResourceDefinition): KubernetesObject {
    prune(object as unknown as Record<string, unknown>, this.#nodeOf(version));
    return object;
  }
}

function* batchesOf(values: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for (const value of values) {
    if (batch.length >= maxBatchObjects || (batch.length > 0 && bytes + value.length > maxBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(value);
    bytes += value.length;
  }
  if (batch.length > 0) yield batch;
}
