/**
 * One SQL statement with its parameters already encoded: what a compiled query hands to whatever runs
 * it. Values are PostgreSQL text format (null for NULL) and always travel bound, never inlined.
 */
export interface Statement {
  readonly text: string;
  readonly values: readonly (string | null)[];
  /** Name of the compiled query ("GetMachine"); spans and metrics are called after it. */
  readonly name?: string | undefined;
  /** First word of the statement in capitals (SELECT, INSERT, ...), for telemetry. */
  readonly operation?: string | undefined;
  /** Main table, for telemetry. */
  readonly collection?: string | undefined;
  /** False for a text that does not come again: it is not kept parsed on the connection. */
  readonly prepare?: false | undefined;
}

/** A column of a result, as the server described it. */
export interface ResultColumn {
  readonly name: string;
  readonly typeOid: number;
}

/** What came back, undecoded: rows of text-format values in column order. */
export interface RawResult {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly columns: readonly ResultColumn[];
  /** Rows that the command tag counts. */
  readonly rowCount: number;
  /** Command tag without its numbers: `SELECT`, `COMMIT`, `ROLLBACK`, ... */
  readonly command: string;
}

/**
 * Whatever can run a statement: a transaction handle or a database. Calls made without awaiting are sent
 * at once, one behind the other, and answered in order: ten of them cost one round trip.
 */
export interface Executor {
  execute(statement: Statement): Promise<RawResult>;
}
