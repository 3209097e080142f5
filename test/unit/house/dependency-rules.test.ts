/**
 * The dependency rules hold what they say: in a small tree with the folders of the house, one breach of each rule
 * is planted, and exactly that rule reports it. A rule added without a plant here fails this test.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../../common/paths.js';

interface Rule {
  readonly name: string;
  readonly severity: string;
  readonly comment?: string;
}

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

const root = packageRoot();
const configFile = '.dependency-cruiser.cjs';
const { forbidden } = createRequire(import.meta.url)(join(root, configFile)) as {
  forbidden: readonly Rule[];
};

/** Files that break nothing, for the plants to import, and packages that resolve. */
const cleanTree: Readonly<Record<string, string>> = {
  'common/leaf.ts': 'export const common = 1;\n',
  'api/leaf.ts': "import { common } from '../common/leaf.js';\nexport const api = common;\n",
  'client/leaf.ts': "import type { api } from '../api/leaf.js';\nexport type Client = typeof api;\n",
  'proto/leaf.ts': "import * as grpc from '@grpc/grpc-js';\nexport const proto = grpc;\n",
  'apiserver/main.ts': "import { open } from './storage/backends/registry.js';\nopen();\n",
  'apiserver/storage/store.ts': 'export type Store = number;\n',
  'apiserver/storage/backends/registry.ts':
    "import { memory } from './memory/leaf.js';\nexport const open = memory;\n",
  'apiserver/storage/backends/memory/leaf.ts':
    "import type { Store } from '../../store.js';\nimport { core } from '../multiversion/leaf.js';\nexport const memory = (): Store => core;\n",
  'apiserver/storage/backends/multiversion/leaf.ts':
    "import type { Store } from '../../store.js';\nexport const core: Store = 1;\n",
  'apiserver/storage/backends/etcd/leaf.ts':
    "import * as grpc from '@grpc/grpc-js';\nexport const etcd = grpc;\n",
  'scheduler/framework/leaf.ts': 'export type Plugin = string;\n',
  'scheduler/plugins/leaf.ts':
    "import type { Plugin } from '../framework/leaf.js';\nexport const fit: Plugin = '';\n",
  'kubelet/cri/leaf.ts': "import * as grpc from '@grpc/grpc-js';\nexport const cri = grpc;\n",
  'cni-plugins/leaf.ts': "import { common } from '../common/leaf.js';\nexport const plugin = common;\n",
  'controller-manager/leaf.ts': 'export const controller = 1;\n',
  'proxy/leaf.ts': 'export const proxy = 1;\n',
  'cli/leaf.ts': 'export const cli = 1;\n',
  'test/leaf.ts': "import { Etcd3 } from 'etcd3';\nexport const test = Etcd3;\n",
  'node_modules/@grpc/grpc-js/package.json': '{"name":"@grpc/grpc-js","version":"1.0.0","main":"index.js"}',
  'node_modules/@grpc/grpc-js/index.js': 'module.exports = {};\n',
  'node_modules/etcd3/package.json': '{"name":"etcd3","version":"1.0.0","main":"index.js"}',
  'node_modules/etcd3/index.js': 'module.exports = { Etcd3: 1 };\n',
  'package.json':
    '{"name":"planted","type":"module","dependencies":{"@grpc/grpc-js":"1.0.0"},"devDependencies":{"etcd3":"1.0.0"}}',
};

/** By rule: files of which each breaks that rule and no other. Imports of types alone count too. */
const plants: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no-cycles': {
    'common/cycle-a.ts': "import type { b } from './cycle-b.js';\nexport const a: typeof b | 1 = 1;\n",
    'common/cycle-b.ts': "import type { a } from './cycle-a.js';\nexport const b: typeof a | 1 = 1;\n",
  },
  'common-is-the-floor': {
    'common/plant.ts': "import { api } from '../api/leaf.js';\nexport default api;\n",
  },
  'api-is-pure': {
    'api/plant.ts': "import type { Client } from '../client/leaf.js';\nexport default {} as Client;\n",
  },
  'api-does-no-io': {
    'api/plant-io.ts': "import { readFileSync } from 'node:fs';\nexport default readFileSync;\n",
  },
  'client-below-programs': {
    'client/plant.ts': "import { proxy } from '../proxy/leaf.js';\nexport default proxy;\n",
  },
  'programs-meet-through-protocols': {
    'kubelet/plant.ts':
      "import { controller } from '../controller-manager/leaf.js';\nexport default controller;\n",
    'cni-plugins/plant-program.ts': "import { cli } from '../cli/leaf.js';\nexport default cli;\n",
  },
  'cni-plugins-stand-alone': {
    'cni-plugins/plant.ts': "import { api } from '../api/leaf.js';\nexport default api;\n",
  },
  'backends-see-only-the-store': {
    'apiserver/storage/backends/memory/plant.ts':
      "import { api } from '../../../../api/leaf.js';\nexport default api;\n",
    'apiserver/storage/backends/memory/plant-neighbour.ts':
      "import type { etcd } from '../etcd/leaf.js';\nexport default {} as typeof etcd;\n",
  },
  'backends-are-named-in-the-registry': {
    'apiserver/plant.ts':
      "import { memory } from './storage/backends/memory/leaf.js';\nexport default memory;\n",
  },
  'scheduler-plugins-see-the-framework': {
    'scheduler/plugins/plant.ts':
      "import type { Client } from '../../client/leaf.js';\nexport default {} as Client;\n",
  },
  'grpc-in-adapters-only': {
    'kubelet/plant-grpc.ts':
      "import type * as grpc from '@grpc/grpc-js';\nexport default {} as typeof grpc;\n",
  },
  'etcd3-is-for-tests': {
    'apiserver/plant-etcd3.ts': "import { Etcd3 } from 'etcd3';\nexport default Etcd3;\n",
  },
  'nothing-depends-on-tests': {
    'cli/plant.ts': "import { test } from '../test/leaf.js';\nexport default test;\n",
  },
  'no-unresolvable': {
    'common/plant-missing.ts': "import { x } from './not-there.js';\nexport default x;\n",
  },
};

void t.test('every rule says how to mend a breach, and has one planted', async (t) => {
  for (const rule of forbidden) {
    t.ok((rule.comment ?? '').length > 20, `${rule.name} has a comment`);
    t.equal(rule.severity, 'error', `${rule.name} is an error`);
    t.ok(plants[rule.name] !== undefined, `a breach of ${rule.name} is planted`);
  }
  t.same(
    Object.keys(plants).filter((name) => !forbidden.some((rule) => rule.name === name)),
    [],
    'no plant for a rule that is not there',
  );
});

void t.test('a tree that keeps to the rules has no violations', async (t) => {
  t.same(cruise(t, cleanTree), []);
});

void t.test('each planted breach is reported by its rule and no other', async (t) => {
  const planted = Object.assign({}, cleanTree, ...Object.values(plants)) as Record<string, string>;
  const found = new Map<string, Set<string>>();
  for (const violation of cruise(t, planted)) {
    const rules = found.get(violation.from) ?? new Set();
    found.set(violation.from, rules.add(violation.rule.name));
  }
  for (const [rule, files] of Object.entries(plants)) {
    // Of a cycle one file is enough to see it.
    const reported = Object.keys(files).filter((file) => found.has(file));
    if (rule === 'no-cycles') t.ok(reported.length > 0, 'the cycle is reported');
    else t.same(reported, Object.keys(files), `all breaches of ${rule} are reported`);
    for (const file of reported) t.same([...(found.get(file) ?? [])], [rule], file);
    for (const file of Object.keys(files)) found.delete(file);
  }
  t.same([...found.keys()], [], 'nothing else is reported');
});

/** Writes the files into a temporary folder and runs dependency-cruiser there with the rules of the house. */
function cruise(
  t: { teardown(run: () => void): void },
  files: Readonly<Record<string, string>>,
): readonly Violation[] {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-rules-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  for (const file of [configFile, 'tsconfig.json']) copyFileSync(join(root, file), join(folder, file));
  const folders = [...new Set(Object.keys(files).map((path) => path.split('/')[0] as string))].filter(
    (name) => name !== 'node_modules' && name !== 'package.json',
  );
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const run = spawnSync(process.execPath, [program, '--output-type', 'json', ...folders], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.stdout === '') throw new Error(`dependency-cruiser did not run: ${run.stderr}`);
  const result = JSON.parse(run.stdout) as { summary: { violations: readonly Violation[] } };
  return result.summary.violations;
}
