/** A conversion webhook on loopback, with TLS of its own: it does what the test tells it to. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, issueCertificate } from '../../common/pki.js';

type Json = Readonly<Record<string, unknown>>;

export interface ConversionCall {
  /** With its query. */
  readonly path: string;
  readonly reviewVersion: string;
  readonly uid: string;
  readonly desiredApiVersion: string;
  readonly objects: readonly Json[];
}

export interface TestWebhook {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** The authority of its certificate, as an API object carries it. */
  readonly caBundle: string;
  /** All calls so far. */
  readonly calls: readonly ConversionCall[];
  /** Replaces what is answered; undefined answers never. */
  answer: (call: ConversionCall) => unknown;
  stop(): Promise<void>;
}

/** Its certificate is for 127.0.0.1, and for the Service `hook` of the namespace `default`. */
export async function startConversionWebhook(answer: TestWebhook['answer']): Promise<TestWebhook> {
  const validity = { now: Date.now(), validDays: 1 };
  const authority = await createAuthority({ commonName: 'webhook-ca' }, validity);
  const { certificate, privateKey } = await issueCertificate(
    authority,
    {
      commonName: 'hook',
      usages: ['server'],
      dnsNames: ['hook.default.svc'],
      ipAddresses: ['127.0.0.1'],
    },
    validity,
  );
  const calls: ConversionCall[] = [];
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const review = JSON.parse(text) as { apiVersion: string; request: Json };
      const call = {
        path: request.url ?? '',
        reviewVersion: review.apiVersion,
        uid: review.request['uid'] as string,
        desiredApiVersion: review.request['desiredAPIVersion'] as string,
        objects: review.request['objects'] as readonly Json[],
      };
      calls.push(call);
      const result = webhook.answer(call);
      if (result === undefined) return;
      if (typeof result === 'number') response.writeHead(result).end('out of order');
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const webhook: TestWebhook = {
    url: `https://127.0.0.1:${String(port)}`,
    port,
    caBundle: Buffer.from(authority.certificate).toString('base64'),
    calls,
    answer,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return webhook;
}

/** The answer of a webhook that has done its work. */
export function successOf(
  { uid, reviewVersion }: ConversionCall,
  convertedObjects: readonly unknown[],
): object {
  return {
    kind: 'ConversionReview',
    apiVersion: reviewVersion,
    response: { uid, result: { status: 'Success' }, convertedObjects },
  };
}
