/**
 * A picture on a terminal that is drawn over itself: on the screen that editors use, so that what was there comes back;
 * each time in one write and without clearing first, so that nothing flickers.
 */
export class LiveScreen {
  readonly #write: (text: string) => void;
  #isOpen = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  draw(lines: readonly string[]): void {
    const enter = this.#isOpen ? '' : `${alternateScreen}${hideCursor}`;
    this.#isOpen = true;
    this.#write(`${enter}${home}${lines.map((line) => `${line}${clearLine}`).join('\r\n')}${clearBelow}`);
  }

  /** Idempotent. The terminal is as it was. */
  close(): void {
    if (this.#isOpen) this.#write(`${showCursor}${mainScreen}`);
    this.#isOpen = false;
  }
}

const escape = '\u001b[';
const alternateScreen = `${escape}?1049h`;
const mainScreen = `${escape}?1049l`;
const hideCursor = `${escape}?25l`;
const showCursor = `${escape}?25h`;
const home = `${escape}H`;
const clearLine = `${escape}K`;
const clearBelow = `${escape}J`;
