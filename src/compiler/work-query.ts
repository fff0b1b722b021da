import type { DatabaseError } from '../base/index.ts';
import {
  claimText,
  finishText,
  MOST_CANDIDATES,
  type ParameterNumbers,
  splitChange,
  stepText,
} from '../query/index.ts';
import { problem } from './diagnostic.ts';
import { ownMigrations } from './hints.ts';
import { camelCase } from './names.ts';
import type { EngineQuery, SourceParameter, WorkPart } from './source/engine-query.ts';
import { isCode, type SourceQuery } from './source/query-file.ts';

/** Parameters of the wrapper, by command; the author may use the named ones too. */
const added = {
  claim: ['session_id', 'claim_number', 'wanted', 'refusal'],
  step: ['session_id', 'key_kinds', 'key_targets', 'key_tokens', 'refusal'],
  finish: ['session_id', 'key_kinds', 'key_targets', 'key_tokens', 'refusal'],
} as const;

/** Whether the session gives this parameter, so that callers do not. */
export const isFilledIn = (command: WorkPart['command'], field: string) =>
  added[command].some((name) => camelCase(name) === field) || (command !== 'claim' && field === 'targets');

/** Wraps a `:claim`, `:step` or `:finish` into its one statement; any other query is given back as it is. */
export function wrapWork(query: EngineQuery, cockroach: boolean): EngineQuery {
  const { source } = query;
  const { command } = source;
  if (command !== 'claim' && command !== 'step' && command !== 'finish') {
    if (source.settings?.size)
      throw wrong(source, `:${command} takes no settings`, `write -- name: ${source.name} :${command}`);
    return query;
  }
  const kind = checkedKind(source, command);
  checkStatement(query, command);
  if (query.params.some(({ name }) => name === undefined))
    throw wrong(source, `${source.name} uses $1, but :${command} adds parameters`, 'name them: @machine_id');
  const params: SourceParameter[] = [...query.params];
  for (const name of added[command]) {
    if (!params.some((param) => param.name === name))
      params.push({ name, nullable: false, at: source.nameAt });
  }
  const numbers: ParameterNumbers = Object.fromEntries(
    params.map(({ name }, i) => [camelCase(name ?? ''), i + 1]),
  );
  const inner = command === 'claim' ? query.text : returning(query);
  const limit = command === 'claim' ? limitFor(query) : undefined;
  const system = cockroach ? 'cockroachdb' : 'postgresql';
  const text =
    command === 'claim'
      ? claimText({ kind, retrieval: inner, limit, numbers }, system)
      : (command === 'step' ? stepText : finishText)({ kind, change: inner, numbers }, system);
  // A change that begins with WITH stands in two pieces, each as it was.
  const { beside, main } = command === 'claim' ? { beside: '', main: inner } : splitChange(inner);
  const pieces = [beside, main].map((piece) => ({
    from: text.indexOf(piece),
    length: piece.length,
    within: inner.indexOf(piece),
  }));
  return {
    ...query,
    text,
    params,
    work: { command, kind, text: inner, limit },
    // What the engine says of the wrapper is about the query as a whole.
    toSource: (offset) => {
      const piece = pieces.find(({ from, length }) => offset >= from && offset < from + length);
      const within = piece === undefined ? Infinity : offset - piece.from + piece.within;
      return within < query.text.length ? query.toSource(within) : source.nameAt;
    },
  };
}

function checkedKind(source: SourceQuery, command: string): string {
  const kind = source.settings?.get('kind');
  const unknown = [...(source.settings?.keys() ?? [])].find((key) => key !== 'kind');
  const hint = `write -- name: ${source.name} :${command} kind=install`;
  if (unknown !== undefined) throw wrong(source, `${unknown}= is not known`, hint);
  if (kind === undefined) throw wrong(source, `${source.name} does not say its kind of work`, hint);
  if (kind.startsWith('group:') || kind.length > 200)
    throw wrong(source, `${kind} cannot be a kind`, 'use up to 200 characters that do not begin with group:');
  return kind;
}

function checkStatement({ source, text }: EngineQuery, command: 'claim' | 'step' | 'finish'): void {
  const first = source.tokens.find(isCode)?.text.toLowerCase() ?? '';
  const fits = command === 'claim' ? ['select', 'with'] : ['insert', 'update', 'delete', 'upsert'];
  if (fits.includes(first)) return;
  if (command !== 'claim' && splitChange(text).beside !== '') return;
  throw command === 'claim'
    ? wrong(
        source,
        `${source.name} is :claim but no SELECT`,
        'give a SELECT with a column target, best first',
      )
    : wrong(
        source,
        `${source.name} is :${command} but no change`,
        'give an INSERT, UPDATE or DELETE over @targets',
      );
}

/** A retrieval without a LIMIT gets one: CockroachDB keeps the order of a subquery only then. */
const limitFor = (query: EngineQuery) => (hasClause(query, /^(limit|fetch)$/i) ? undefined : MOST_CANDIDATES);

/** A change gives something back: CockroachDB takes no other in a WITH that is named. */
const returning = (query: EngineQuery) =>
  hasClause(query, /^returning$/i) ? query.text : `${query.text}\nRETURNING 1 AS changed`;

/** Whether the statement itself, and not a part of it in parentheses, has the clause. */
function hasClause(query: EngineQuery, word: RegExp): boolean {
  let depth = 0;
  for (const token of query.source.tokens.filter(isCode)) {
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    else if (depth === 0 && word.test(token.text)) return true;
  }
  return false;
}

const wrong = (source: SourceQuery, message: string, hint: string) => problem(source, 'HF060', message, hint);

/** What to do when the engine refuses what the wrapper needs of its query. */
export function workHint({ work, source }: EngineQuery, error: DatabaseError): string | undefined {
  if (work?.command === 'claim' && error.code === '42703' && error.message.includes('retrieval.target'))
    return `give ${source.name} a column called target`;
  if (work && error.code === '42P01' && error.message.includes('holdfast.')) return ownMigrations;
  return undefined;
}
