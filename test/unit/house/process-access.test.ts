/** Only `main.ts` files, and the one function that they all call, read the environment and argv, or exit. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../../common/paths.js';

const boxes = [
  'common',
  'api',
  'client',
  'proto',
  'apiserver',
  'scheduler',
  'controller-manager',
  'kubelet',
  'proxy',
  'cni-plugins',
  'cli',
];
const forbidden = /\bprocess\.(?:env|argv|exit\()/;
const isAllowed = (path: string): boolean => /(?:^|\/)main\.ts$/.test(path) || path === 'common/component.ts';

function violations(path: string, source: string): string[] {
  if (isAllowed(path)) return [];
  return source
    .split('\n')
    .flatMap((line, index) => (forbidden.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
}

void t.test('the environment, argv and exit are used in main.ts alone', async (t) => {
  const found: string[] = [];
  for (const box of boxes) {
    for (const entry of readdirSync(join(packageRoot(), box), { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('.ts')) continue;
      const path = `${box}/${entry}`;
      found.push(...violations(path, readFileSync(join(packageRoot(), path), 'utf8')));
    }
  }
  t.same(found, [], 'pass what is needed as an argument, or reject and let main.ts exit');
});

void t.test('a breach is seen', async (t) => {
  t.equal(violations('kubelet/sync/loop.ts', 'a\nif (process.env.HOME) process.exit(1);\n').length, 1);
  t.equal(violations('kubelet/main.ts', 'process.exit(1);').length, 0);
  t.equal(violations('kubelet/domain.ts', 'process.argv').length, 1);
});
