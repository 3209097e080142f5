/** `npm run generate`: writes the TypeScript types of the API description to api/generated. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../common/paths.js';
import { generateTypes } from '../generate-types.js';
import { loadSchema } from '../load.js';

const folder = join(packageRoot(), 'api/generated');
mkdirSync(folder, { recursive: true });
const files = generateTypes(loadSchema());
for (const [name, text] of files) writeFileSync(join(folder, name), text);
process.stdout.write(`wrote ${String(files.size)} files to api/generated\n`);
