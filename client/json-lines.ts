/** Cuts a text that arrives in pieces into its lines: the framing of a Kubernetes watch (one JSON value a line). */
export class LineSplitter {
  /** Pieces of the line that has not ended yet; joined once, so that a long line costs linear time. */
  #pending: string[] = [];

  /** Lines that `piece` completes, without their line ends; empty lines are left out. */
  push(piece: string): string[] {
    const lines: string[] = [];
    let from = 0;
    for (;;) {
      const end = piece.indexOf('\n', from);
      if (end < 0) break;
      let line = piece.slice(from, end);
      if (this.#pending.length > 0) {
        this.#pending.push(line);
        line = this.#pending.join('');
        this.#pending = [];
      }
      if (line.length > 0) lines.push(line);
      from = end + 1;
    }
    if (from < piece.length) this.#pending.push(from === 0 ? piece : piece.slice(from));
    return lines;
  }
}
