import type { DynamicPart } from '../../query/index.ts';
import { problem, type SourceError } from '../diagnostic.ts';
import { camelCase } from '../names.ts';
import { isCode, type SourceQuery } from './query-file.ts';

interface Range {
  readonly kind: 'optional' | 'order';
  /** Token indexes: first, and one after the last. */
  readonly from: number;
  readonly to: number;
  readonly choices: Readonly<Record<string, string>>;
  /** Offsets in the text that is sent. */
  start: number;
  end: number;
}

/**
 * Notes which stretches of a statement are optional while it is rewritten:
 * a line that ends in `-- optional`, what is between a block comment `optional` and a block comment `end`,
 * and the first key of an ORDER BY whose line ends in `-- order: name, created_at`.
 */
export class PartRecorder {
  readonly #query: SourceQuery;
  readonly #ranges: Range[] = [];
  readonly #parameters: { readonly at: number; readonly number: number }[] = [];

  constructor(query: SourceQuery) {
    this.#query = query;
    const { tokens } = query;
    let open = -1;
    for (const [i, token] of tokens.entries()) {
      if (token.kind !== 'comment') continue;
      const text = token.text.replace(/^--|^\/\*|\*\/$/g, '').trim();
      if (token.text.startsWith('/*')) {
        if (text === 'optional') open = i;
        else if (text === 'end' && open >= 0) {
          this.#add('optional', open + 1, i, {});
          open = -1;
        }
      } else if (text === 'optional') this.#add('optional', this.#lineStart(i), i, {});
      else if (text.startsWith('order:')) this.#order(i, text.slice('order:'.length));
    }
    if (open >= 0)
      throw this.#error(tokens[open]!.at, 'this optional part has no end', 'close it with /* end */');
  }

  #error(at: number, message: string, hint: string): SourceError {
    return problem(this.#query, 'HF060', message, hint, at);
  }

  /** Index of the first code token on the line of token `i`. */
  #lineStart(i: number): number {
    const { tokens, file } = this.#query;
    const line = file.text.lastIndexOf('\n', tokens[i]!.at - 1) + 1;
    let from = i;
    while (from > 0 && tokens[from - 1]!.at + tokens[from - 1]!.text.length > line) from--;
    while (from < i && !isCode(tokens[from]!)) from++;
    if (from === i)
      throw this.#error(
        tokens[i]!.at,
        'there is nothing optional on this line',
        'put -- optional at the end of the line that may be left out',
      );
    return from;
  }

  #order(i: number, list: string): void {
    const { tokens } = this.#query;
    const start = this.#lineStart(i);
    let from = -1;
    for (let k = start; k < i; k++) if (/^by$/i.test(tokens[k]!.text)) from = k + 1;
    while (from >= 0 && from < i && !isCode(tokens[from]!)) from++;
    const hint = 'write ORDER BY created_at DESC, id -- order: created_at, name';
    if (from < 0 || from >= i) throw this.#error(tokens[i]!.at, 'there is no ORDER BY on this line', hint);
    let depth = 0;
    let to = from;
    for (; to < i; to++) {
      if (tokens[to]!.text === '(') depth++;
      else if (tokens[to]!.text === ')') depth--;
      else if (tokens[to]!.text === ',' && depth === 0) break;
    }
    while (to > from && !isCode(tokens[to - 1]!)) to--;
    const choices: Record<string, string> = {};
    for (const item of list.split(/,(?![^(]*\))/)) {
      const [, key, sql] = /^\s*(?:([\w]+)\s*=\s*)?(.+?)\s*$/.exec(item) ?? [];
      if (!sql) throw this.#error(tokens[i]!.at, 'an empty choice of order', hint);
      choices[camelCase(key ?? sql.replace(/^.*\./, ''))] = sql;
    }
    this.#add('order', from, to, choices);
  }

  #add(kind: Range['kind'], from: number, to: number, choices: Range['choices']): void {
    const last = this.#ranges.at(-1);
    const at = this.#query.tokens[from]?.at ?? this.#query.nameAt;
    if (last && from < last.to)
      throw this.#error(at, 'optional parts cannot be inside each other', 'make one of them');
    this.#ranges.push({ kind, from, to, choices, start: -1, end: -1 });
  }

  /** Called before token `i` is written; `text` is what was written so far. */
  before(i: number, text: string): void {
    for (const range of this.#ranges) {
      if (range.end < 0 && range.start >= 0 && i >= range.to) range.end = text.trimEnd().length;
      // The white space before an optional part goes with it.
      if (range.start < 0 && i >= range.from)
        range.start = range.kind === 'optional' ? text.trimEnd().length : text.length;
    }
  }

  parameter(at: number, number: number): void {
    this.#parameters.push({ at, number });
  }

  /** The pieces in order, or undefined when nothing is optional. */
  parts(text: string): DynamicPart[] | undefined {
    if (this.#ranges.length === 0) return undefined;
    const parts: DynamicPart[] = [];
    let at = 0;
    const cut = (to: number): (string | number)[] => {
      const pieces: (string | number)[] = [];
      for (const parameter of this.#parameters) {
        if (parameter.at < at || parameter.at >= to) continue;
        if (parameter.at > at) pieces.push(text.slice(at, parameter.at));
        pieces.push(parameter.number - 1);
        at = parameter.at + `$${parameter.number}`.length;
      }
      if (to > at) pieces.push(text.slice(at, to));
      at = to;
      return pieces;
    };
    for (const range of this.#ranges) {
      parts.push(...cut(range.start));
      if (range.kind === 'order') {
        parts.push({ order: text.slice(range.start, range.end), choices: range.choices });
        at = range.end;
        continue;
      }
      const pieces = cut(range.end);
      const when = [...new Set(pieces.filter((piece) => typeof piece === 'number'))];
      if (when.length === 0)
        throw this.#error(
          this.#query.tokens[range.from]!.at,
          'an optional part without a parameter would never be left out',
          'use a parameter in it',
        );
      parts.push({ when, parts: pieces });
    }
    parts.push(...cut(text.length));
    return parts;
  }
}
