import pg from 'pg';

const AS_TEXT = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;

export type PgAnswer = pg.QueryArrayResult | pg.QueryArrayResult[];

/** What node-postgres keeps in a query and its type package does not declare. */
interface QueryInternals {
  text: string;
  values?: readonly (string | null)[];
  name?: string;
  queryMode?: 'extended';
  callback?: (error: Error | null | undefined, answer: PgAnswer) => void;
  _rowMode: 'array';
  _result: unknown;
  _results: unknown;
}

interface Extended {
  readonly values: readonly (string | null)[];
  /** Without a name it is not prepared. */
  readonly name: string | undefined;
}

interface Answered {
  readonly _result: { command: string };
  handleCommandComplete(message: { readonly text: string }, connection: unknown): void;
}
const PgQuery = pg.Query as unknown as new (text: string) => Answered;

/** Keeps the whole command tag, of which node-postgres keeps the first word: `CREATE TABLE`, not `CREATE`. */
class TaggedQuery extends PgQuery {
  override handleCommandComplete(message: { readonly text: string }, connection: unknown): void {
    super.handleCommandComplete(message, connection);
    this._result.command = message.text.replace(/[ \d]+$/, '');
  }
}

/**
 * A query object of node-postgres: rows as arrays of text. Built from its text alone and then filled, since a
 * configuration would be copied by node-postgres, property by property: in profiles of a transaction only the
 * writes to the socket cost more.
 */
function queryOf(text: string, extended: Extended | undefined): pg.Query & QueryInternals {
  const query = new TaggedQuery(text) as unknown as pg.Query & QueryInternals;
  if (extended) {
    query.values = extended.values;
    // Without values node-postgres would fall back to the simple protocol.
    query.queryMode = 'extended';
    if (extended.name !== undefined) query.name = extended.name;
  }
  query._rowMode = 'array';
  const { Result } = pg as unknown as { Result: new (rowMode: string, types: unknown) => unknown };
  query._result = new Result('array', AS_TEXT);
  query._results = query._result;
  return query;
}

/** Sends without waiting for what is under way. Rejects with what node-postgres says. */
export function sendQuery(client: pg.Client, text: string, extended?: Extended): Promise<PgAnswer> {
  return new Promise((resolve, reject) => {
    const query = queryOf(text, extended);
    query.callback = (error, answer) => (error ? reject(error) : resolve(answer));
    client.query(query);
  });
}
