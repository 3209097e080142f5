/** What a container said at its end: its message file, or the end of its log where its policy says so. */
import { open } from 'node:fs/promises';
import { labels, annotations } from '../containers/names.js';
import type { RuntimeContainerStatus } from '../cri/runtime.js';
import { parseLogEntry } from '../logs/log-format.js';
import type { PodFolders } from '../volumes/pod-folders.js';

const maxFileBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;

/** Never rejects for a missing file: a container that says nothing has nothing to say. */
export async function readTerminationMessage(
  folders: PodFolders,
  status: RuntimeContainerStatus,
): Promise<string> {
  const uid = status.labels[labels.podUid] ?? '';
  const path = folders.terminationMessage(uid, status.metadata.name, status.metadata.attempt);
  const message = (await readEnd(path, maxFileBytes)).toString('utf8');
  const fallsBack = status.annotations[annotations.terminationMessagePolicy] === 'FallbackToLogsOnError';
  if (message !== '' || !fallsBack || status.exitCode === 0 || status.logPath === '') return message;
  const raw = await readEnd(status.logPath, maxLogBytes * 4);
  const lines: string[] = [];
  for (let from = 0, end = raw.indexOf(0x0a); end >= 0; from = end + 1, end = raw.indexOf(0x0a, from)) {
    const entry = parseLogEntry(raw.subarray(from, end));
    if (entry !== undefined) lines.push(entry.content.toString('utf8') + (entry.isPartial ? '' : '\n'));
  }
  return lines.slice(-maxLogLines).join('').slice(-maxLogBytes);
}

async function readEnd(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, maxBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
