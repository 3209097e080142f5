/** Rewrites the links of an HTML page that came through the proxy, as it streams by. */
import { Transform } from 'node:stream';

/** Attributes that hold a link, by element. */
const linkAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};
/** Elements whose content is no markup, whatever it looks like. */
const rawText: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'noscript']);
/** A tag longer than this is passed on as it is. */
const maxTagLength = 64 * 1024;

const tagName = /^<([a-z][a-z0-9]*)/i;
const attribute = /(\s)([a-z-]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi;

/** Bytes in, bytes out; everything but links stays as it was, in whatever ASCII-compatible encoding. */
export function linkRewriter(rewrite: (url: string) => string): Transform {
  const page = new HtmlLinks(rewrite);
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      done(null, Buffer.from(page.push(chunk.toString('latin1')), 'latin1'));
    },
    flush: (done) => {
      done(null, Buffer.from(page.end(), 'latin1'));
    },
  });
}

/** The rewriting itself: text in, text out, with what is not complete yet held back. */
export class HtmlLinks {
  readonly #rewrite: (url: string) => string;
  #held = '';
  /** What ends the raw text that we are in. */
  #until: string | undefined;

  constructor(rewrite: (url: string) => string) {
    this.#rewrite = rewrite;
  }

  push(text: string): string {
    this.#held += text;
    let out = '';
    for (;;) {
      const piece = this.#next();
      if (piece === undefined) break;
      out += piece;
    }
    if (this.#held.length <= maxTagLength) return out;
    return out + this.end();
  }

  /** What was held back. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** The next complete piece: text before a tag, raw text, a comment, or a tag. */
  #next(): string | undefined {
    const held = this.#held;
    if (held === '') return undefined;
    if (this.#until !== undefined) {
      const at = held.toLowerCase().indexOf(this.#until);
      if (at < 0) return this.#take(held.length - this.#until.length);
      this.#until = undefined;
      return this.#take(at) ?? this.#next();
    }
    const open = held.indexOf('<');
    if (open !== 0) return this.#take(open < 0 ? held.length : open);
    if (/^<[^a-z/!?]/i.test(held)) return this.#take(1);
    if (held.startsWith('<!--')) {
      const close = held.indexOf('-->', 4);
      return close < 0 ? undefined : this.#take(close + 3);
    }
    const end = endOfTag(held);
    return end === undefined ? undefined : this.#tag(this.#take(end) ?? '');
  }

  #take(length: number): string | undefined {
    if (length <= 0) return undefined;
    const taken = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return taken;
  }

  #tag(tag: string): string {
    const name = tagName.exec(tag)?.[1]?.toLowerCase();
    if (name === undefined) return tag;
    if (rawText.has(name) && !tag.endsWith('/>')) this.#until = `</${name}`;
    const links = linkAttributes[name];
    if (links === undefined) return tag;
    return tag.replace(
      attribute,
      (whole: string, space: string, key: string, equals: string, ...values: (string | undefined)[]) => {
        if (!links.includes(key.toLowerCase())) return whole;
        const [double, single, bare] = values;
        const quote = double !== undefined ? '"' : single !== undefined ? "'" : '';
        return `${space}${key}${equals}${quote}${this.#rewrite(double ?? single ?? bare ?? '')}${quote}`;
      },
    );
  }
}

/** Behind the `>` that ends the tag at the start of the text, which is none inside of quotes. */
function endOfTag(text: string): number | undefined {
  let quote = '';
  for (let at = 1; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '>') return at + 1;
  }
  return undefined;
}
