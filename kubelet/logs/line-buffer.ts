/** Splits bytes into lines without their newline; keeps what is not complete yet. */
export class LineBuffer {
  #rest: Buffer = Buffer.alloc(0);

  /** The bytes may be reused by the caller. */
  add(bytes: Buffer): Buffer[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = all.indexOf(0x0a); end >= 0; end = all.indexOf(0x0a, from)) {
      lines.push(all.subarray(from, end));
      from = end + 1;
    }
    this.#rest = all.subarray(from);
    return lines;
  }
}
