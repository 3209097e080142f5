/** What servers of one store learn of each other by their records. */
import t from 'tap';
import { disbelieving, readServers } from '../../../apiserver/bootstrap/server-presence.js';

function record(annotations: Readonly<Record<string, string>> | undefined, ip = '192.0.2.1'): Uint8Array {
  const subsets = [{ addresses: [{ ip }], ports: [{ port: 6443 }] }];
  return Buffer.from(JSON.stringify({ kind: 'Endpoints', metadata: { annotations }, subsets }));
}

void t.test('a record tells where a server is and which keys it believes', async (t) => {
  const server = { ip: '192.0.2.1', port: 6443 };
  const keys = 'knarr.io/service-account-keys';
  t.same(readServers(record({ [keys]: 'a,b' })), [{ ...server, tokenKeys: ['a', 'b'] }]);
  t.same(readServers(record({ [keys]: '' })), [server]);
  t.same(readServers(record(undefined)), [server], 'one of an older version');
  t.same(readServers(Buffer.from('k8s\0protobuf')), []);
});

void t.test('a server that refuses our tokens is found', async (t) => {
  const [same, more, none, wrong] = [['a'], ['b', 'a'], undefined, ['b']].map((tokenKeys, port) => ({
    ip: '192.0.2.1',
    port,
    ...(tokenKeys === undefined ? {} : { tokenKeys }),
  }));
  const servers = [same, more, none, wrong].flatMap((one) => one ?? []);
  t.same(disbelieving(servers, 'a'), [wrong]);
});
