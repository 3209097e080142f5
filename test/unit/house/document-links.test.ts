/** What the documents point at is there: a newcomer follows docs/life-of-a-pod.md by its links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../../common/paths.js';

const root = packageRoot();
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  'api/schema/definitions/README.md',
].filter((name) => name.endsWith('.md'));

for (const document of documents) {
  void t.test(`${document} links to files that are there`, (t) => {
    const text = readFileSync(join(root, document), 'utf8');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const local = links.filter((link) => !/^(https?:|#|mailto:)/.test(link));
    for (const link of local) {
      const target = join(root, dirname(document), link.split('#')[0] ?? '');
      t.ok(existsSync(target), link);
    }
    t.end();
  });
}
