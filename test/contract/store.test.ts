import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import t from 'tap';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { silentLogger as log } from '../../common/log.js';
import { startEtcd } from '../support/etcd.js';
import { storeContract } from './store.js';
import type { StoreHarness } from './store.js';

storeContract(t, 'memory', {
  open: async () => ({ store: await openStore({ backend: 'memory' }), dispose: async () => undefined }),
});

storeContract(t, 'embedded', {
  open: async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'knarr-store-'));
    const store = await openStore({ backend: 'embedded', dataDir, log });
    return {
      store,
      reopen: async () => {
        await store.close();
        return openStore({ backend: 'embedded', dataDir, log });
      },
      dispose: async () => {
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  },
});

const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const other = new Etcd3({ hosts: etcd.endpoint });
t.teardown(() => {
  other.close();
});
let folders = 0;

function etcdHarness(offset: number): StoreHarness {
  return {
    open: async () => {
      // One server for all: each store has a prefix of its own.
      const prefix = `/contract-${folders++}`;
      const open = () => openStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix, log });
      if (offset > 0) await other.put(`${prefix}/!revision-offset`).value(offset);
      const store = await open();
      return {
        store,
        reopen: async () => {
          await store.close();
          return open();
        },
        dispose: async () => undefined,
      };
    },
  };
}

storeContract(t, 'etcd', etcdHarness(0));
// As after `knarr store migrate`: the cluster had more revisions before than etcd has now.
storeContract(t, 'etcd that took over', etcdHarness(1_000_000_000));
