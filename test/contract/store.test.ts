import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { silentLogger as log } from '../../common/log.js';
import { startEtcd } from '../support/etcd.js';
import { storeContract } from './store.js';

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
let folders = 0;

storeContract(t, 'etcd', {
  open: async () => {
    // One server for all: each store has a prefix of its own.
    const prefix = `/contract-${folders++}`;
    const open = () => openStore({ backend: 'etcd', endpoints: [etcd.endpoint], prefix, log });
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
});
