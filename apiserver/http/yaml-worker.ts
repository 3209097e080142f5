/** A thread of its own that reads YAML: see yaml-thread.ts, which starts it. */
import { parentPort } from 'node:worker_threads';
import { isStatusError } from '../../api/status-error.js';
import { parseYaml } from './parse-yaml.js';

export type YamlAnswer =
  | { readonly kind: 'read'; readonly json: string; readonly duplicates: readonly string[] }
  | { readonly kind: 'refused'; readonly message: string };

parentPort?.on('message', (bytes: Uint8Array) => {
  parentPort?.postMessage(answer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
});

function answer(bytes: Buffer): YamlAnswer {
  try {
    const { value, duplicates } = parseYaml(bytes);
    return { kind: 'read', json: JSON.stringify(value), duplicates: duplicates() };
  } catch (error) {
    if (isStatusError(error, 'BadRequest')) return { kind: 'refused', message: error.message };
    throw error;
  }
}
