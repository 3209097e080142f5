/** Where the files that ship beside the compiled code are: descriptions, `.proto` files, the launcher. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/**
 * The folder that holds Knarr's package.json, found upwards from this file, so that it is the same for
 * `dist/` and for any other build folder inside the checkout. Throws when Knarr was moved without it.
 */
export function packageRoot(): string {
  if (found !== undefined) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, 'package.json');
    if (
      existsSync(manifest) &&
      (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'knarr'
    ) {
      found = folder;
      return folder;
    }
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error('no package.json of knarr above ' + fileURLToPath(import.meta.url));
    folder = parent;
  }
}
