import { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import t from 'tap';
import { StatusError } from '../../../api/status-error.js';
import { negotiate } from '../../../apiserver/http/negotiation.js';
import { exchangeEnded } from '../../../apiserver/http/exchange.js';
import { Http2Exchange } from '../../../apiserver/http/http2-exchange.js';
import { parseResourcePath } from '../../../apiserver/http/route.js';
import { decodeContinue, encodeContinue } from '../../../apiserver/handlers/continue-token.js';

void t.test('paths', async (t) => {
  const parts = (path: string): string | undefined => {
    const found = parseResourcePath(path);
    if (found === undefined) return undefined;
    const { group, version, namespace, resource, name, subresource, rest, legacyWatch } = found;
    return [group, version, namespace, resource, name, subresource, ...rest, legacyWatch ? 'watch' : '']
      .join('|')
      .replace(/\|+$/, '');
  };
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['/api/v1/pods', '|v1||pods'],
    ['/api/v1/nodes/n1/status', '|v1||nodes|n1|status'],
    ['/api/v1/namespaces', '|v1||namespaces'],
    ['/api/v1/namespaces/a', '|v1||namespaces|a'],
    ['/api/v1/namespaces/a/status', '|v1||namespaces|a|status'],
    ['/api/v1/namespaces/a/finalize', '|v1||namespaces|a|finalize'],
    ['/api/v1/namespaces/a/pods', '|v1|a|pods'],
    ['/api/v1/namespaces/a/pods/b/log', '|v1|a|pods|b|log'],
    ['/api/v1/namespaces/a/services/b/proxy/x/y', '|v1|a|services|b|proxy|x|y'],
    ['/apis/apps/v1/namespaces/a/deployments/b/scale', 'apps|v1|a|deployments|b|scale'],
    ['/api/v1/watch/namespaces/a/pods', '|v1|a|pods|||watch'],
    ['/api/v1/namespaces/a/pods/b%3Ac', '|v1|a|pods|b:c'],
    ['/api', undefined],
    ['/api/v1', undefined],
    ['/apis/apps/v1', undefined],
    ['/healthz', undefined],
  ];
  for (const [path, expected] of cases) t.equal(parts(path), expected, path);
});

void t.test('Accept', async (t) => {
  const shown = (accept: string | undefined): string => {
    try {
      return JSON.stringify(negotiate(accept));
    } catch (error) {
      return (error as { reason?: string }).reason ?? String(error);
    }
  };
  const json = '{"as":"object","format":"json"}';
  const protobuf = '{"as":"object","format":"protobuf"}';
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, json],
    ['*/*', json],
    ['application/json, */*', json],
    ['application/vnd.kubernetes.protobuf,application/json', protobuf],
    ['application/vnd.kubernetes.protobuf', protobuf],
    ['application/vnd.kubernetes.protobuf;stream=watch, application/json', protobuf],
    ['application/vnd.kubernetes.protobuf;q=0.5, application/json', json],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io', 'NotAcceptable'],
    ['application/cbor, application/vnd.kubernetes.protobuf;q=0.8, */*;q=0.1', protobuf],
    ['text/html', 'NotAcceptable'],
    ['application/yaml', '{"as":"object","format":"yaml"}'],
    [
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
      '{"as":"table","version":"v1"}',
    ],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', '{"as":"table","version":"v1beta1"}'],
    ['application/json;as=Table;v=v2;g=meta.k8s.io, application/json', json],
    [
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      '{"as":"metadata","format":"protobuf","version":"v1","list":false}',
    ],
    [
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
      '{"as":"metadata","format":"json","version":"v1","list":true}',
    ],
    ['text/plain;q=0.9, application/json;q=0.5', json],
    ['application/json;q=0', 'NotAcceptable'],
  ];
  for (const [accept, expected] of cases) t.equal(shown(accept), expected, accept ?? 'absent');
});

void t.test('continue tokens', async (t) => {
  const point = { revision: 7, start: 'default/web\0' };
  t.strictSame(decodeContinue(encodeContinue(point)), point);
  const forged = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const wrong of [
    'x',
    forged({}),
    forged({ v: 'meta.k8s.io/v1', rv: -1, start: '' }),
    forged({ v: 'meta.k8s.io/v1', rv: 1, start: '/registry/secrets/' }),
    forged({ v: 'meta.k8s.io/v1', rv: 1, start: '../secrets/' }),
  ])
    t.throws(() => decodeContinue(wrong), StatusError);
});

void t.test('the signal of an exchange tells of its end, however late it is asked for', async (t) => {
  const begin = (): { readonly stream: EventEmitter; readonly exchange: Http2Exchange } => {
    const stream = new EventEmitter();
    return {
      stream,
      exchange: new Http2Exchange(stream as unknown as ServerHttp2Stream, { ':path': '/' }, 1000),
    };
  };
  const early = begin();
  const { signal } = early.exchange;
  t.equal(signal.aborted, false);
  early.stream.emit('close');
  t.equal(signal.aborted, true);
  t.equal(early.exchange.signal, signal, 'it stays the same');
  const late = begin();
  late.stream.emit('error', new Error('reset'));
  t.equal(late.exchange.signal.aborted, true);
  t.equal(late.exchange.signal.reason, exchangeEnded);
});
