/** The one place that reads the `.api` files from disk; everything else takes a {@link Schema}. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../common/paths.js';
import type { Schema } from './model.js';
import { parseSchema } from './parse.js';

let loaded: Schema | undefined;

/** The description of the Kubernetes v1.35 API. Parsed once per process, about 20 ms. */
export function loadSchema(): Schema {
  if (loaded === undefined) {
    const folder = join(packageRoot(), 'api/schema/definitions');
    const names = readdirSync(folder).filter((name) => name.endsWith('.api'));
    loaded = parseSchema(
      names.sort().map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })),
    );
  }
  return loaded;
}
