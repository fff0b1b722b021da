import { checkText, DatabaseError, invalidOption } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import {
  type Explanation,
  explainOn,
  type Face,
  type FaceAction,
  type FaceList,
  type Happening,
  type ListPage,
  type PageValue,
  type Positions,
} from '../faces/index.ts';
import type { Executor } from '../query/index.ts';
import { coreFace } from './core-pages.ts';
import { Overview } from './overview.ts';
import { Refusal } from './refusal.ts';
import type { SentPage, SentTarget, SentTimeline, SentValue, SentValues } from './wire.ts';

const ROWS = 50;
const EVENTS = 50;
/** A list whose rows are longer than this is cut: the whole text is in the database. */
const TEXT = 2_000;
const READ_WITHIN_MS = 15_000;
/** No such database, schema, table, column. */
const NOT_YET: ReadonlySet<string> = new Set(['3D000', '3F000', '42P01', '42703']);

/** What one read gave, and what it cost. */
export interface Answer {
  readonly data: unknown;
  readonly statements: number;
}

/** Everything that pages are made of, by its path under `/api/`. */
export class Resources {
  readonly lists: ReadonlyMap<string, { readonly face: string; readonly list: FaceList }>;
  readonly actions: ReadonlyMap<string, FaceAction>;
  readonly #db: Database;
  readonly #faces: readonly Face[];
  readonly #overview: Overview;

  constructor(db: Database, faces: readonly Face[]) {
    this.#db = db;
    this.#faces = [coreFace(db.url), ...faces];
    this.#overview = new Overview(this.#faces);
    this.lists = byId(this.#faces, ({ name, pages }) => {
      return (pages?.lists ?? []).map((list) => [list.id, { face: name, list }] as const);
    });
    this.actions = byId(this.#faces, ({ pages }) => {
      return (pages?.actions ?? []).map((action) => [action.id, action] as const);
    });
  }

  /** Whether it changes seldom. */
  isSeldom(path: string): boolean {
    return this.lists.get(/^lists\/([^/?]+)/.exec(path)?.[1] ?? '')?.list.when === 'seldom';
  }

  /** Reads in one snapshot; of the past on CockroachDB, except for a target. Throws Refusal and MisuseError. */
  async read(path: string): Promise<Answer> {
    const url = new URL(path, 'http://localhost/');
    const { searchParams: query, pathname } = url;
    const name = pathname.slice(1);
    if (name === 'overview') return this.#reading(true, (on) => this.#overview.look(on));
    if (name === 'target') return this.#reading(false, (on) => this.#target(on, mustHave(query, 'name')));
    if (name === 'timeline')
      return this.#reading(false, (on) =>
        this.#timeline(on, mustHave(query, 'name'), positionsFrom(query.get('from'))),
      );
    if (name === 'drawing')
      return this.#reading(false, (on) =>
        this.#drawing(on, mustHave(query, 'name'), mustHave(query, 'face'), mustHave(query, 'drawing')),
      );
    const found = name.startsWith('lists/') ? this.lists.get(name.slice('lists/'.length)) : undefined;
    if (!found) throw new Refusal(404, `there is no /api/${name}`);
    return this.#reading(true, async (on) => sentPage(await found.list.page(on, queryOf(found.list, query))));
  }

  /** What is read a few seconds behind may lie before the schema was made: then it is read as it is now. */
  async #reading(isStale: boolean, read: (on: Executor) => Promise<unknown>): Promise<Answer> {
    try {
      return await this.#readAt(isStale, read);
    } catch (error) {
      if (!isStale || !(error instanceof DatabaseError && NOT_YET.has(error.code))) throw error;
      return this.#readAt(false, read);
    }
  }

  async #readAt(isStale: boolean, read: (on: Executor) => Promise<unknown>): Promise<Answer> {
    let statements = 0;
    const data = await this.#db.transact(
      (tx) => {
        statements = 0;
        return read({
          execute: (statement) => {
            statements++;
            return tx.execute(statement);
          },
        });
      },
      {
        name: 'console',
        readOnly: true,
        isolation: 'repeatable read',
        deadlineMs: READ_WITHIN_MS,
        ...(isStale && { asOf: 'follower' as const }),
      },
    );
    return { data, statements };
  }

  async #target(on: Executor, target: string): Promise<SentTarget> {
    return sentTarget(await explainOn(on, target, { faces: [...this.#faces] }));
  }

  async #timeline(on: Executor, target: string, from: Positions): Promise<SentTimeline> {
    checkText('name', target);
    const streams: Happening[] = [];
    for (const { name, pages } of this.#faces) {
      if (!pages?.timeline) continue;
      const own = Object.entries(from).flatMap(([key, position]) =>
        key.startsWith(`${name}/`) ? [[key.slice(name.length + 1), position]] : [],
      );
      const events = await pages.timeline(on, target, Object.fromEntries(own), EVENTS);
      streams.push(...events.map((event) => ({ ...event, stream: `${name}/${event.stream}` })));
    }
    const newestFirst = streams.sort((a, b) => b.at.getTime() - a.at.getTime());
    const reached: Record<string, string> = { ...from };
    const events = newestFirst.slice(0, EVENTS).map((event) => {
      const here = textOf(reached);
      reached[event.stream] = event.position;
      return {
        at: { time: event.at.toISOString() },
        since: event.since ? { time: event.since.toISOString() } : null,
        subject: event.subject,
        event: event.event,
        cause: event.cause ?? null,
        token: event.token === undefined ? null : String(event.token),
        sessionId: event.sessionId ?? null,
        from: here,
      };
    });
    return { events, next: newestFirst.length >= EVENTS ? textOf(reached) : null };
  }

  async #drawing(on: Executor, target: string, face: string, drawing: string): Promise<unknown> {
    const pages = this.#faces.find(({ name }) => name === face)?.pages;
    return (await pages?.draw?.(on, target, drawing)) ?? null;
  }
}

function byId<T>(faces: readonly Face[], entriesOf: (face: Face) => readonly (readonly [string, T])[]) {
  const all = faces.flatMap(entriesOf);
  for (const [i, [id]] of all.entries()) {
    if (!/^[a-z0-9-]+$/.test(id))
      throw invalidOption('faces', `"${id}" has more than letters, digits and dashes`);
    if (all.findIndex(([other]) => other === id) !== i) throw invalidOption('faces', `there are two "${id}"`);
  }
  return new Map(all);
}

function mustHave(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null || value === '') throw new Refusal(400, `${name}: is missing`);
  return checkText(name, value);
}

function queryOf(list: FaceList, query: URLSearchParams) {
  const filters: Record<string, string> = {};
  for (const [name, value] of query) {
    if (name === 'after' || value === '') continue;
    const filter = list.filters?.find((one) => one.name === name);
    if (!filter) throw new Refusal(400, `${name}: ${list.title} has no such filter`);
    if (filter.choices && !filter.choices.includes(value))
      throw new Refusal(400, `${name}: "${value}" is none of ${filter.choices.join(', ')}`);
    filters[name] = checkText(name, value);
  }
  const after = query.get('after');
  return { filters, size: ROWS, after: after === null ? undefined : listFrom(after) };
}

const textOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function valueFrom(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

const isText = (value: unknown) => typeof value === 'string' && !value.includes('\0');

function listFrom(text: string): string[] {
  const value = valueFrom(text);
  if (!Array.isArray(value) || !value.every(isText))
    throw new Refusal(400, 'after: is not a position of this list: begin with its first page');
  return value;
}

function positionsFrom(text: string | null): Positions {
  if (text === null) return {};
  const value = valueFrom(text);
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    !Object.values(value).every(isText)
  )
    throw new Refusal(400, 'from: is not a position of a time line: begin with the newest');
  return value as Positions;
}

function sent(value: PageValue): SentValue {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return { time: value.toISOString() };
  if (typeof value === 'bigint')
    return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : String(value);
  return typeof value === 'string' && value.length > TEXT ? `${value.slice(0, TEXT)}…` : value;
}

const sentValues = (values: Readonly<Record<string, PageValue>>): SentValues =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sent(value)]));

const sentPage = ({ rows, next }: ListPage): SentPage => ({
  rows: rows.map(({ values, offers = [] }) => ({ values: sentValues(values), offers })),
  next: next === undefined ? null : textOf(next),
});

const sentTarget = ({ target, isKnown, state, verdict, findings, facts }: Explanation): SentTarget => ({
  target,
  isKnown,
  state,
  verdict,
  findings,
  facts: facts.map(({ rows, ...fact }) => ({ ...fact, rows: rows.map(sentValues) })),
});
