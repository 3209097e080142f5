/** Whom a proxied request is for, which headers go along, and how links come back: by table. */
import t from 'tap';
import type { Endpoints, Pod, Service } from '../../../api/generated/core-v1.js';
import { HtmlLinks } from '../../../apiserver/subresources/proxy/html-links.js';
import {
  requestHeaders,
  responseHeaders,
  rewriteUrl,
} from '../../../apiserver/subresources/proxy/proxy-headers.js';
import {
  endpointCandidates,
  isProxyable,
  parseProxyName,
  podAddress,
  servicePortName,
} from '../../../apiserver/subresources/proxy/proxy-target.js';

void t.test('names', async (t) => {
  const cases = {
    web: { scheme: 'http', name: 'web', port: '' },
    'web:80': { scheme: 'http', name: 'web', port: '80' },
    'web:http': { scheme: 'http', name: 'web', port: 'http' },
    'https:web:443': { scheme: 'https', name: 'web', port: '443' },
    'https:web:': { scheme: 'https', name: 'web', port: '' },
    ':web:80': { scheme: 'http', name: 'web', port: '80' },
  };
  for (const [text, name] of Object.entries(cases)) t.strictSame(parseProxyName(text, 'pod'), name, text);
  for (const text of ['', ':80', 'ftp:web:21', 'a:b:c:d'])
    t.throws(() => parseProxyName(text, 'service'), {
      code: 400,
      message: `invalid service request "${text}"`,
    });
});

void t.test('pods and services', async (t) => {
  const pod = {
    spec: { containers: [{ name: 'a' }, { name: 'b', ports: [{ containerPort: 8080 }] }] },
    status: { podIP: '10.244.0.9' },
  } as Pod;
  t.strictSame(podAddress(pod, parseProxyName('web', 'pod')), { host: '10.244.0.9', port: '8080' });
  t.strictSame(podAddress(pod, parseProxyName('web:1', 'pod')), { host: '10.244.0.9', port: '1' });
  for (const podIP of ['', '127.0.0.1', '169.254.169.254', '::1', '224.0.0.1'])
    t.throws(() => podAddress({ ...pod, status: { podIP } }, parseProxyName('web', 'pod')), {
      code: 400,
      message: 'address not allowed',
    });
  t.ok(isProxyable('10.0.0.1') && isProxyable('fd00::1'));
  const service = {
    metadata: { name: 'web' },
    spec: {
      ports: [
        { name: 'http', port: 80 },
        { name: 'tls', port: 443 },
      ],
    },
  } as Service;
  t.equal(servicePortName(service, parseProxyName('web:443', 'service')), 'tls');
  t.equal(servicePortName(service, parseProxyName('web:http', 'service')), 'http');
  t.equal(servicePortName(service, parseProxyName('web', 'service')), '');
  t.throws(() => servicePortName(service, parseProxyName('web:81', 'service')), {
    code: 503,
    message: 'no service port 81 found for service "web"',
  });
});

void t.test('endpoints: pods of the namespace, from a random one on', async (t) => {
  const ref = (name: string, namespace = 'default') => ({ kind: 'Pod', name, namespace });
  const endpoints = {
    metadata: { name: 'web', namespace: 'default' },
    subsets: [
      {
        addresses: [
          { ip: '10.244.0.1', targetRef: ref('a') },
          { ip: '10.244.0.2', targetRef: ref('b') },
          { ip: '10.244.0.3' },
          { ip: '10.244.0.4', targetRef: ref('c', 'other') },
          { ip: '127.0.0.1', targetRef: ref('d') },
        ],
        notReadyAddresses: [{ ip: '10.244.0.5', targetRef: ref('e') }],
        ports: [{ name: 'http', port: 8080 }],
      },
      { addresses: [{ ip: '10.244.0.6', targetRef: ref('f') }], ports: [{ port: 1 }] },
    ],
  } as Endpoints;
  const names = (port: string, random: number) =>
    endpointCandidates(endpoints, port, () => random).map(
      ({ podName, address }) => `${podName}:${address.port}`,
    );
  t.strictSame(names('http', 0), ['a:8080', 'b:8080']);
  t.strictSame(names('http', 0.99), ['b:8080', 'a:8080']);
  t.strictSame(names('', 0), ['f:1']);
  t.strictSame(names('none', 0), []);
});

void t.test('headers', async (t) => {
  const place = { host: 'api:6443', prefix: '/p/proxy', clientAddress: '192.0.2.7' };
  const received = {
    ':method': 'GET',
    authorization: 'Bearer secret',
    'impersonate-user': 'root',
    'x-remote-user': 'root',
    connection: 'x-own, close',
    'x-own': '1',
    te: 'trailers',
    cookie: 'a=b',
    'accept-encoding': 'br',
    'x-forwarded-for': '198.51.100.1',
    upgrade: 'websocket',
  };
  t.strictSame(requestHeaders(received, place, '/x', false), {
    cookie: 'a=b',
    'accept-encoding': 'br',
    host: 'api:6443',
    'x-forwarded-for': '198.51.100.1, 192.0.2.7',
    'x-forwarded-uri': '/p/proxy/x',
    'x-forwarded-host': 'api:6443',
    'x-forwarded-proto': 'https',
  });
  t.match(requestHeaders({ ...received, connection: 'Upgrade' }, place, '', true), {
    connection: 'Upgrade',
    upgrade: 'websocket',
  });
  t.strictSame(
    responseHeaders({
      'set-cookie': ['a', 'b'],
      connection: ['x-hop'],
      'x-hop': ['1'],
      'keep-alive': ['timeout=5'],
      'transfer-encoding': ['chunked'],
      'access-control-allow-origin': ['*'],
    }),
    { 'set-cookie': ['a', 'b'] },
  );
});

const page = { host: 'api:6443', prefix: '/p/proxy', ownHosts: ['10.244.0.9:8080', 'api:6443'] };

void t.test('links', async (t) => {
  const cases = {
    '/a': '/p/proxy/a',
    '/': '/p/proxy/',
    '/p/proxy/a': '/p/proxy/a',
    'a/b': 'a/b',
    '?q': '?q',
    '#x': '#x',
    '': '',
    '//other/a': '//other/a',
    'https://other.example/a': 'https://other.example/a',
    'http://10.244.0.9:8080/a?b#c': 'https://api:6443/p/proxy/a?b#c',
    '//10.244.0.9:8080/a': 'https://api:6443/p/proxy/a',
    'mailto:a@b': 'mailto:a@b',
    'javascript:/x/': 'javascript:/x/',
  };
  for (const [url, expected] of Object.entries(cases)) t.equal(rewriteUrl(url, page), expected, url);
});

void t.test('pages, however they are cut', async (t) => {
  const html = `<!DOCTYPE html><!-- <a href="/no"> --><HTML><a class=x HREF='/a'>1 < 2</a><img alt="a>b" src=/i.png>
<script src="/s.js">if (a < b) x = '<a href="/no">';</script><form action="/f"/><a href="b">é</a><p title="/no">`;
  const expected = html
    .replace("'/a'", "'/p/proxy/a'")
    .replace('=/i.png', '=/p/proxy/i.png')
    .replace('"/s.js"', '"/p/proxy/s.js"')
    .replace('"/f"', '"/p/proxy/f"');
  for (const size of [1, 2, 3, 7, 1000]) {
    const links = new HtmlLinks((url) => rewriteUrl(url, page));
    let out = '';
    for (let at = 0; at < html.length; at += size) out += links.push(html.slice(at, at + size));
    t.equal(out + links.end(), expected, `pieces of ${size}`);
  }
  const endless = new HtmlLinks((url) => url);
  t.equal(
    endless.push(`<a ${'x'.repeat(70_000)}`).length,
    70_003,
    'a tag without an end is not held for ever',
  );
});
