import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { removeTree } from '../../../common/remove-tree.js';

const folder = mkdtempSync(join(tmpdir(), 'knarr-remove-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});

void t.test('files, folders, links and nothing behind links', async (t) => {
  const outside = join(folder, 'outside');
  const tree = join(folder, 'tree');
  mkdirSync(outside);
  writeFileSync(join(outside, 'kept'), 'kept');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  for (let index = 0; index < 100; index++) writeFileSync(join(tree, 'a', `file-${String(index)}`), 'x');
  symlinkSync(outside, join(tree, 'a/b/link'));
  symlinkSync(join(outside, 'kept'), join(tree, 'link'));
  await removeTree(tree);
  t.notOk(existsSync(tree));
  t.equal(readFileSync(join(outside, 'kept'), 'utf8'), 'kept');
  await removeTree(tree);
  t.pass('what is not there is a success');
  symlinkSync(outside, tree);
  await removeTree(tree);
  t.strictSame([existsSync(tree), existsSync(outside)], [false, true], 'of a link only the link');
});

void t.test('a tree deeper than there are open files, and what an interrupted removal left', async (t) => {
  const tree = join(folder, 'deep');
  let level = tree;
  mkdirSync(join(tree, '..removed-x/0/a'), { recursive: true });
  for (let depth = 0; depth < 300; depth++) {
    level = join(level, 'd');
    mkdirSync(level, { recursive: true });
    writeFileSync(join(level, 'f'), '');
  }
  const openBefore = readdirSync('/proc/self/fd').length;
  await removeTree(tree);
  t.notOk(existsSync(tree));
  t.equal(readdirSync('/proc/self/fd').length, openBefore, 'every folder is closed again');
});
