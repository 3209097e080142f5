/** A disk that does what the test says, in the place of the files of an embedded store. */
import { openDurableFile } from '../../apiserver/storage/record-file/durable-file.js';
import type { OpenDurableFile } from '../../apiserver/storage/record-file/durable-file.js';

export class BadDisk {
  failWrites = false;
  /** What a failed write says. */
  code = 'EIO';
  failTruncates = false;
  /** Writes a part before it fails. */
  tears = false;
  /** Writes wait for it. */
  hold: Promise<void> | undefined;

  readonly open: OpenDurableFile = async (path, mode) => {
    const file = await openDurableFile(path, mode);
    return {
      write: async (pieces, at) => {
        await this.hold;
        if (!this.failWrites) return file.write(pieces, at);
        if (this.tears) await file.write([Buffer.concat(pieces).subarray(0, 5_000)], at);
        throw Object.assign(new Error(`${this.code}: i/o error, write`), { code: this.code });
      },
      truncate: async (length) => {
        if (this.failTruncates) throw Object.assign(new Error('EIO: i/o error, ftruncate'), { code: 'EIO' });
        await file.truncate(length);
      },
      close: () => file.close(),
    };
  };
}
