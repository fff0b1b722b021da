import { problem, type SourceError } from '../diagnostic.ts';
import type { AliasMark, EngineQuery, SourceParameter, Spread } from './engine-query.ts';
import { sqlIdentifier } from './keywords.ts';
import type { Token } from './lexer.ts';
import { PartRecorder } from './optional-parts.ts';
import { type DeclaredParameter, isCode, type SourceQuery } from './query-file.ts';
import { Rewriter } from './rewriter.ts';

const sqlcCalls = new Set(['arg', 'narg', 'slice', 'embed']);

/** Index of the next token that is neither space nor comment. */
function nextCode(tokens: readonly Token[], from: number): number {
  let i = from;
  while (i < tokens.length && !isCode(tokens[i]!)) i++;
  return i;
}

function previousCode(tokens: readonly Token[], from: number): number {
  let i = from;
  while (i >= 0 && !isCode(tokens[i]!)) i--;
  return i;
}

/** `machine@machine_name` is CockroachDB's index hint. */
function followsName(tokens: readonly Token[], i: number): boolean {
  const before = tokens[i - 1]?.kind;
  return before === 'word' || before === 'quoted';
}

interface Call {
  readonly kind: string;
  readonly argument: string;
  /** The argument as the name of a table. */
  readonly table: string;
  /** Index of the closing parenthesis. */
  readonly end: number;
}

/** `sqlc.arg(name)` and its kin, at token `i`. */
function sqlcCall(query: SourceQuery, i: number): Call | undefined {
  const tokens = query.tokens;
  if (tokens[i]!.text.toLowerCase() !== 'sqlc' || tokens[i + 1]?.text !== '.') return undefined;
  const kind = tokens[i + 2]?.text.toLowerCase() ?? '';
  const fail = (message: string, hint: string) => problem(query, 'HF010', message, hint, tokens[i]!.at);
  if (!sqlcCalls.has(kind))
    throw fail(`sqlc.${kind} is not known`, 'there are sqlc.arg, sqlc.narg, sqlc.slice and sqlc.embed');
  const open = nextCode(tokens, i + 3);
  const name = nextCode(tokens, open + 1);
  const close = nextCode(tokens, name + 1);
  const token = tokens[name];
  if (tokens[open]?.text !== '(' || !token || tokens[close]?.text !== ')')
    throw fail(`sqlc.${kind} takes one name`, `write sqlc.${kind}(name)`);
  const argument = token.text.replace(/^(['"])(.*)\1$/, '$2');
  const isTable = kind === 'embed' && token.kind === 'quoted';
  if (!isTable && !/^[\p{L}_][\p{L}\p{N}_]*$/u.test(argument))
    throw fail(`${token.text} is not a name`, `write sqlc.${kind}(name)`);
  return { kind, argument, table: token.kind === 'quoted' ? token.text : argument, end: close };
}

const isParameter = (token: Token) => token.kind === 'param';

/** Words that stand before an operand, so that a quoted name behind them is a column and no alias. */
const beforeOperand = new Set(
  `select distinct all by where and or not on when then else case having returning set in between like ilike is from
  join using values limit offset filter over similar escape into update only lateral collate any some
  array row cast exists except union intersect table view index column constraint`.split(/\s+/),
);

/**
 * The names that an author marked, `"total!"` or `"total?"`: behind AS, or right behind what it names. `marked` has them
 * as they are written.
 */
function aliasMarks(
  tokens: readonly Token[],
  fail: (code: string, message: string, hint: string, at: number) => SourceError,
): { readonly marks: Map<string, AliasMark>; readonly marked: ReadonlySet<string> } {
  const marks = new Map<string, AliasMark>();
  const marked = new Set<string>();
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'quoted' || !/[^"][!?]"$/.test(token.text)) continue;
    const before = tokens[previousCode(tokens, i - 1)];
    const word = before?.text.toLowerCase() ?? '';
    const named =
      before?.kind === 'word'
        ? word === 'as' || !beforeOperand.has(word)
        : before?.kind === 'punct'
          ? word === ')' || word === ']'
          : before !== undefined && before.kind !== 'operator';
    if (!named) continue;
    const name = token.text.slice(1, -2).replaceAll('""', '"');
    const mark = { nullable: token.text.endsWith('?"'), at: token.at };
    if ((marks.get(name)?.nullable ?? mark.nullable) !== mark.nullable)
      throw fail(
        'HF031',
        `two columns are called ${name}, one never null and one that may be`,
        'a marked column needs a name of its own: give one of them another with AS',
        token.at,
      );
    marks.set(name, mark);
    marked.add(token.text);
  }
  return { marks, marked };
}

/**
 * Rewrites a query for the engine. `@name`, `sqlc.arg`, `sqlc.narg` and `sqlc.slice` become numbered
 * parameters, one number a name that no `$n` beside them has; `IN (sqlc.slice(ids))` becomes `= ANY($n)`;
 * `sqlc.embed(t)` becomes `t.*`; the marks of `AS "name!"` and `AS "name?"` are taken off, where the name is given and
 * where it is used. Throws SourceError.
 */
export function rewrite(query: SourceQuery): EngineQuery {
  const out = new Rewriter();
  const tokens = query.tokens;
  const params: SourceParameter[] = [];
  const byName = new Map<string, number>();
  const fail = (code: string, message: string, hint: string, at: number) =>
    problem(query, code, message, hint, at);
  const { marks, marked } = aliasMarks(tokens, fail);
  const embeds = new Map<number, string>();
  const spreads: Spread[] = [];
  const recorder = new PartRecorder(query);
  const declared = new Map(query.declared.map((item) => [item.key, item]));
  const written = new Set(tokens.filter(isParameter).map((token) => Number(token.text.slice(1))));

  const set = (number: number, param: SourceParameter) => {
    for (let n = params.length; n < number; n++) params.push({ name: undefined, nullable: false, at: -1 });
    params[number - 1] = param;
  };
  const named = (name: string, nullable: boolean, at: number, required = false): number => {
    const known = byName.get(name);
    if (known !== undefined) {
      if (nullable && !params[known - 1]!.nullable) params[known - 1] = { ...params[known - 1]!, nullable };
      return known;
    }
    let number = 1;
    while (written.has(number)) number++;
    written.add(number);
    set(number, { name, nullable, at, required });
    byName.set(name, number);
    return number;
  };

  const place = (number: number, at: number) => {
    recorder.parameter(out.text.length, number);
    out.add(`$${number}`, at);
  };
  const listed = (number: number, keywordAt: number) => {
    // Already written: "IN (", perhaps with NOT before it.
    const not = /\bnot\s+in\s*\(?\s*$/i.test(out.text);
    out.cut(out.text.replace(/\s*(?:\bnot\s+)?\bin\s*\(?\s*$/i, '').length);
    out.add(not ? ' <> ALL(' : ' = ANY(', keywordAt);
    place(number, keywordAt);
    out.add(')', keywordAt);
  };

  /** A row of fields, `($1, $2)`, or a list of such rows. */
  const spread = (
    said: DeclaredParameter,
    fields: readonly string[],
    at: number,
    i: number,
    next: number,
  ) => {
    const rows = said.shape === 'rows';
    if (rows && query.tokens.some((token) => /^--\s*optional|^\/\*\s*optional/.test(token.text)))
      throw fail('HF013', 'a list of rows in a query with optional parts', 'make two queries of it', at);
    const before = tokens[previousCode(tokens, i - 1)]?.text.toLowerCase();
    const outer = tokens[previousCode(tokens, previousCode(tokens, i - 1) - 1)]?.text.toLowerCase();
    const behind = tokens[nextCode(tokens, next)]?.text;
    const values = before === 'values' && behind !== ',';
    const bare = before === 'in';
    const listed = bare || (before === '(' && outer === 'in' && behind === ')');
    if (rows && !values && !listed)
      throw fail(
        'HF013',
        `:${said.name} is a list of rows, which cannot stand here`,
        'a list of rows stands alone behind VALUES or IN: VALUES :rows, (a, b) IN :rows',
        at,
      );
    if (rows && bare) out.add('(', at);
    const from = values ? out.text.search(/\bvalues\s*$/i) : out.text.length;
    out.add('(', at);
    const numbers = fields.map((field, k) => {
      if (k > 0) out.add(', ', at);
      const path = `${said.name}${rows ? '[]' : ''}.${field.replace(/!$/, '')}`;
      const number = named(path, false, at, field.endsWith('!'));
      place(number, at);
      return number;
    });
    out.add(')', at);
    if (rows) spreads.push({ from, to: out.text.length, params: numbers });
    if (rows && bare) out.add(')', at);
  };

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    recorder.before(i, out.text);
    if (token.kind === 'comment' && !token.text.startsWith('/*+')) {
      const lastLine = /(?:^|\n)[ \t]*$/.test(out.text);
      out.trimLine();
      const following = tokens[i + 1];
      if (following?.kind === 'space') {
        const rest = lastLine ? following.text.replace(/^[ \t]*\r?\n/, '') : following.text;
        out.add(rest, following.at + following.text.length - rest.length);
        i++;
      } else if (following) out.add(' ', token.at);
    } else if (token.kind === 'param') {
      const number = Number(token.text.slice(1));
      if (number < 1 || number > 65535)
        throw fail('HF012', `${token.text} is not a parameter number`, 'count from $1', token.at);
      const said = declared.get(token.text);
      if ((params[number - 1]?.at ?? -1) < 0)
        set(number, { name: said?.name, nullable: said?.nullable ?? false, at: token.at });
      place(number, token.at);
    } else if (token.text === query.marker && tokens[i + 1]?.kind === 'word' && !followsName(tokens, i)) {
      const name = tokens[i + 1]!.text;
      const said = declared.get(name);
      i++;
      const required = query.marker === ':' && tokens[i + 1]?.text === '!';
      const next = required ? i + 2 : i + 1;
      if (said?.fields) spread(said, said.fields, token.at, i - 1, next);
      else {
        const number = named(name, false, token.at, required);
        const before = previousCode(tokens, i - 2);
        const after = nextCode(tokens, next);
        const wrapped = tokens[before]?.text === '(' && tokens[after]?.text === ')';
        const keyword = wrapped ? previousCode(tokens, before - 1) : before;
        if (said?.shape === 'list' && /^in$/i.test(tokens[keyword]?.text ?? '')) {
          listed(number, tokens[keyword]!.at);
          if (wrapped) {
            i = after;
            continue;
          }
        } else place(number, token.at);
      }
      if (required) i++;
    } else if (token.kind === 'word' && sqlcCall(query, i)) {
      const call = sqlcCall(query, i)!;
      if (call.kind === 'embed') {
        out.add(`${call.table}.`, token.at);
        embeds.set(out.text.length, call.argument);
        out.add('*', token.at);
      } else {
        const number = named(call.argument, call.kind === 'narg', token.at);
        const open = previousCode(tokens, i - 1);
        const close = nextCode(tokens, call.end + 1);
        const keyword = previousCode(tokens, open - 1);
        if (
          call.kind === 'slice' &&
          tokens[open]?.text === '(' &&
          tokens[close]?.text === ')' &&
          /^in$/i.test(tokens[keyword]?.text ?? '')
        ) {
          listed(number, tokens[keyword]!.at);
          i = close;
          continue;
        }
        place(number, token.at);
      }
      i = call.end;
    } else if (token.kind === 'quoted' && marked.has(token.text)) {
      const behindAs = /^as$/i.test(tokens[previousCode(tokens, i - 1)]?.text ?? '');
      const quoted = `${token.text.slice(0, -2)}"`;
      // Without AS a name has to be quoted where it is a word of SQL: "year".
      out.add(behindAs ? sqlIdentifier(quoted.slice(1, -1).replaceAll('""', '"')) : quoted, token.at);
    } else out.add(token.text, token.at);
  }
  const gap = params.findIndex((param) => param.at < 0);
  if (gap >= 0)
    throw fail(
      'HF012',
      `$${gap + 1} is never used`,
      'number the parameters without gaps',
      params.find(({ at }, i) => i > gap && at >= 0)!.at,
    );
  const text = out.text.trimEnd();
  recorder.before(tokens.length, out.text);
  const parts = recorder.parts(text);
  const always = new Set(parts?.filter((part) => typeof part === 'number'));
  return {
    source: query,
    text,
    params: parts ? params.map((param, i) => ({ ...param, optional: !always.has(i) })) : params,
    marks,
    embeds,
    spreads,
    parts,
    toSource: out.mapping(),
  };
}
