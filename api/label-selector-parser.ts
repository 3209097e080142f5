/** The grammar of label selectors in text form, with Kubernetes' wording of what was found and what was expected. */
import { StatusError } from './status-error.js';

export type LabelOperator = '=' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

const symbols = /\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)/y;
const punctuation: ReadonlySet<string> = new Set(['=', '==', '!=', '!', '(', ')', ',', '<', '>']);

/** Recursive descent over the tokens of one selector. An empty token is the end of the text. */
export class LabelSelectorParser {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    symbols.lastIndex = 0;
    for (let match = symbols.exec(text); match !== null; match = symbols.exec(text))
      this.#tokens.push(match[1] ?? '');
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    if (this.#peek() === '') return requirements;
    for (;;) {
      const token = this.#peek();
      if (token !== '!' && !isIdentifier(token))
        throw refuse(`found '${token}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const separator = this.#next();
      if (separator === '') return requirements;
      if (separator !== ',') throw refuse(`found '${separator}', expected: ',' or 'end of string'`);
      const following = this.#peek();
      if (following !== '!' && !isIdentifier(following))
        throw refuse(`found '${following}', expected: identifier after ','`);
    }
  }

  #requirement(): LabelRequirement {
    const negated = this.#peek() === '!';
    if (negated) this.#next();
    const key = this.#next();
    if (!isIdentifier(key)) throw refuseRequirement(`found '${key}', expected: identifier`);
    if (negated) return { key, operator: '!', values: [] };
    if (this.#peek() === '' || this.#peek() === ',') return { key, operator: 'exists', values: [] };
    const operator = this.#next();
    switch (operator) {
      case 'in':
      case 'notin':
        return { key, operator, values: this.#values() };
      case '=':
      case '==':
        return { key, operator: '=', values: [this.#exactValue()] };
      case '!=':
        return { key, operator, values: [this.#exactValue()] };
      case '>':
        return { key, operator: 'gt', values: [this.#exactValue()] };
      case '<':
        return { key, operator: 'lt', values: [this.#exactValue()] };
      default:
        throw refuseRequirement(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #exactValue(): string {
    const token = this.#peek();
    if (token === '' || token === ',') return '';
    if (!isIdentifier(token)) throw refuseRequirement(`found '${token}', expected: identifier`);
    return this.#next();
  }

  /** `(a, b)`; a value left out is the empty one. */
  #values(): string[] {
    const opening = this.#next();
    if (opening !== '(') throw refuseRequirement(`found '${opening}' expected: '('`);
    const values = new Set<string>();
    for (;;) {
      const token = this.#peek();
      if (isIdentifier(token)) values.add(this.#next());
      else if (token === ',' || token === ')') values.add('');
      else throw refuseRequirement(`found '${token}', expected: ',', ')' or identifier`);
      const separator = this.#next();
      if (separator === ')') return [...values];
      if (separator !== ',') throw refuseRequirement(`found '${separator}', expected: ',' or ')'`);
    }
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #next(): string {
    const token = this.#peek();
    this.#at++;
    return token;
  }
}

function isIdentifier(token: string): boolean {
  return token !== '' && !punctuation.has(token);
}

function refuse(message: string): StatusError {
  return new StatusError('BadRequest', message);
}

function refuseRequirement(message: string): StatusError {
  return refuse(`unable to parse requirement: ${message}`);
}
