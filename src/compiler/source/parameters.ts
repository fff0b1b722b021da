import type { DynamicPart } from '../../query/index.ts';
import { SourceError } from '../diagnostic.ts';
import type { WorkPart } from '../work-query.ts';
import type { Token } from './lexer.ts';
import { PartRecorder } from './optional-parts.ts';
import { type DeclaredParameter, isCode, type SourceQuery } from './query-file.ts';
import { Rewriter } from './rewriter.ts';

/** A parameter as the file writes it. Its type comes from the engine later. */
export interface SourceParameter {
  /** As written (`session_id`), or undefined for a bare `$1`. */
  readonly name: string | undefined;
  /** Asked for by `sqlc.narg`: null may be passed whatever the engine proves. */
  readonly nullable: boolean;
  /** The author says that it is never null (`:name!`). */
  readonly required?: boolean | undefined;
  /** Used in optional parts only. */
  readonly optional?: boolean | undefined;
  /** Offset of its first use in the file. */
  readonly at: number;
}

/** A statement in the engine's own words, with the way back to the file. */
export interface EngineQuery {
  readonly source: SourceQuery;
  /** Parameters are $1, $2, ...; comments and alias marks are gone. */
  readonly text: string;
  /** In order of number. */
  readonly params: readonly SourceParameter[];
  /** Output columns marked by the author: `"name!"` is never null, `"name?"` may be. */
  readonly marks: ReadonlyMap<string, AliasMark>;
  /** Offsets in `text` of the stars that came from `sqlc.embed(table)`. */
  readonly embeds: ReadonlyMap<number, string>;
  /** The pieces of a query with optional parts. */
  readonly parts: readonly DynamicPart[] | undefined;
  /** Offset in the file of an offset in `text`. */
  readonly toSource: (offset: number) => number;
  /** Set for a :claim or :finish, which `text` wraps. */
  readonly work?: WorkPart;
}

export interface AliasMark {
  readonly nullable: boolean;
  readonly at: number;
}

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
  /** Index of the closing parenthesis. */
  readonly end: number;
}

/** `sqlc.arg(name)` and its kin, at token `i`. */
function sqlcCall(query: SourceQuery, i: number): Call | undefined {
  const tokens = query.tokens;
  if (tokens[i]!.text.toLowerCase() !== 'sqlc' || tokens[i + 1]?.text !== '.') return undefined;
  const kind = tokens[i + 2]?.text.toLowerCase() ?? '';
  const fail = (message: string, hint: string) =>
    new SourceError({
      severity: 'error',
      code: 'HF010',
      message,
      hint,
      file: query.file,
      at: tokens[i]!.at,
      query: query.name,
    });
  if (!sqlcCalls.has(kind))
    throw fail(`sqlc.${kind} is not known`, 'there are sqlc.arg, sqlc.narg, sqlc.slice and sqlc.embed');
  const open = nextCode(tokens, i + 3);
  const name = nextCode(tokens, open + 1);
  const close = nextCode(tokens, name + 1);
  const token = tokens[name];
  if (tokens[open]?.text !== '(' || !token || tokens[close]?.text !== ')')
    throw fail(`sqlc.${kind} takes one name`, `write sqlc.${kind}(name)`);
  const argument = token.text.replace(/^(['"])(.*)\1$/, '$2');
  if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(argument))
    throw fail(`${token.text} is not a name`, `write sqlc.${kind}(name)`);
  return { kind, argument, end: close };
}

/**
 * Rewrites a query for the engine. `@name`, `sqlc.arg`, `sqlc.narg` and `sqlc.slice` become numbered
 * parameters, one number a name; `IN (sqlc.slice(ids))` becomes `= ANY($n)`; `sqlc.embed(t)` becomes `t.*`;
 * the marks of `AS "name!"` and `AS "name?"` are taken off. Throws SourceError.
 */
export function rewrite(query: SourceQuery): EngineQuery {
  const out = new Rewriter();
  const tokens = query.tokens;
  const params: SourceParameter[] = [];
  const byName = new Map<string, number>();
  const marks = new Map<string, AliasMark>();
  const embeds = new Map<number, string>();
  const recorder = new PartRecorder(query);
  const declared = new Map(query.declared.map((item) => [item.key, item]));
  const numbered = tokens.some((token) => token.kind === 'param');
  const fail = (code: string, message: string, hint: string, at: number) =>
    new SourceError({ severity: 'error', code, message, hint, file: query.file, at, query: query.name });

  const named = (name: string, nullable: boolean, at: number, required = false): number => {
    if (numbered)
      throw fail(
        'HF011',
        `${query.name} mixes $1 with named parameters`,
        'use one of the two in a query',
        at,
      );
    const known = byName.get(name);
    if (known !== undefined) {
      if (nullable && !params[known - 1]!.nullable) params[known - 1] = { ...params[known - 1]!, nullable };
      return known;
    }
    params.push({ name, nullable, at, required });
    byName.set(name, params.length);
    return params.length;
  };

  // Of two rows with a field of one name, each has its own: src_id and dst_id.
  const fieldName = (row: DeclaredParameter, field: string): string => {
    const name = field.replace(/!$/, '');
    const isShared = query.declared.some(
      (other) =>
        other.name !== row.name &&
        (other.fields?.some((its) => its.replace(/!$/, '') === name) ?? other.name === name),
    );
    return isShared ? `${row.name}_${name}` : name;
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
      for (let n = params.length; n < number; n++) params.push({ name: undefined, nullable: false, at: -1 });
      const said = declared.get(token.text);
      if (params[number - 1]!.at < 0)
        params[number - 1] = { name: said?.name, nullable: said?.nullable ?? false, at: token.at };
      place(number, token.at);
    } else if (token.text === query.marker && tokens[i + 1]?.kind === 'word' && !followsName(tokens, i)) {
      const name = tokens[i + 1]!.text;
      const said = declared.get(name);
      i++;
      const required = query.marker === ':' && tokens[i + 1]?.text === '!';
      if (said?.fields) {
        out.add('(', token.at);
        for (const [k, field] of said.fields.entries()) {
          if (k > 0) out.add(', ', token.at);
          place(named(fieldName(said, field), false, token.at, field.endsWith('!')), token.at);
        }
        out.add(')', token.at);
      } else {
        const number = named(name, false, token.at, required);
        const keyword = previousCode(tokens, i - 2);
        if (said?.shape === 'list' && /^in$/i.test(tokens[keyword]?.text ?? ''))
          listed(number, tokens[keyword]!.at);
        else place(number, token.at);
      }
      if (required) i++;
    } else if (token.kind === 'word' && sqlcCall(query, i)) {
      const call = sqlcCall(query, i)!;
      if (call.kind === 'embed') {
        out.add(`${call.argument}.`, token.at);
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
    } else if (
      token.kind === 'quoted' &&
      /[^"][!?]"$/.test(token.text) &&
      /^as$/i.test(tokens[previousCode(tokens, i - 1)]?.text ?? '')
    ) {
      const name = token.text.slice(1, -2);
      marks.set(name.replaceAll('""', '"'), { nullable: token.text.endsWith('?"'), at: token.at });
      out.add(/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`, token.at);
    } else out.add(token.text, token.at);
  }
  const gap = params.findIndex((param) => param.at < 0);
  if (gap >= 0)
    throw fail('HF012', `$${gap + 1} is never used`, 'number the parameters without gaps', query.nameAt);
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
    parts,
    toSource: out.mapping(),
  };
}
