import { DatabaseError, isMisuse } from '../base/index.ts';
import { build, type CompiledQuery, rowDecoder } from './build.ts';
import type { QueryDefinition } from './definition.ts';
import type { Executor } from './statement.ts';

export interface IterOptions {
  /** Rows fetched at a time; as many are in memory at most twice. */
  readonly fetchRows?: number;
}

/** A stream of rows: the next page is fetched only when the last one was taken. */
export interface IterQuery<P, Row> {
  (
    executor: Executor,
    ...params: keyof P extends never
      ? [params?: P | undefined, options?: IterOptions]
      : [params: P, options?: IterOptions]
  ): AsyncGenerator<Row, void, undefined>;
  readonly definition: QueryDefinition;
  readonly query: CompiledQuery<P, Row, Row[]>;
}

let cursors = 0;
const capable = new WeakMap<Executor, Promise<boolean>>();

/** CockroachDB has cursors from v22.2; a failed DECLARE would cost the transaction, so it is asked first. */
function hasCursors(executor: Executor): Promise<boolean> {
  const known =
    capable.get(executor) ??
    executor.execute({ text: 'SELECT version()', values: [], operation: 'SELECT' }).then(({ rows }) => {
      const cockroach = /CockroachDB\s+\S+\s+v(\d+)\.(\d+)/.exec(rows[0]?.[0] ?? '');
      return (
        !cockroach || Number(cockroach[1]) > 22 || (Number(cockroach[1]) === 22 && Number(cockroach[2]) >= 2)
      );
    });
  capable.set(executor, known);
  return known;
}

/** `:iter`: rows one by one, through a cursor inside a transaction, else from one result. */
export function iter<P, Row>(definition: QueryDefinition): IterQuery<P, Row> {
  const query = build<P, Row, Row[]>(definition, (raw, decode) => decode(raw));
  const decode = rowDecoder<Row>(definition);
  async function* run(
    executor: Executor,
    params?: P,
    options: IterOptions = {},
  ): AsyncGenerator<Row, void, undefined> {
    const { fetchRows = 500 } = options;
    const statement = query.statement(params as P);
    if (definition.operation !== 'SELECT' || !(await hasCursors(executor))) {
      yield* query.result(await executor.execute(statement));
      return;
    }
    const cursor = `holdfast_cursor_${++cursors}`;
    try {
      await executor.execute({
        ...statement,
        prepare: false,
        text: `DECLARE ${cursor} NO SCROLL CURSOR FOR ${statement.text}`,
      });
    } catch (error) {
      // No transaction, says the server (25P01) or the database handle, so nothing was harmed; the whole result then.
      const alone =
        isMisuse(error, 'HOLDFAST_FORBIDDEN_STATEMENT') ||
        (error instanceof DatabaseError && error.code === '25P01');
      if (!alone) throw error;
      yield* query.result(await executor.execute(statement));
      return;
    }
    let failed = false;
    try {
      for (;;) {
        const page = await executor.execute({
          ...statement,
          prepare: false,
          text: `FETCH FORWARD ${Math.max(1, Math.trunc(fetchRows))} FROM ${cursor}`,
          values: [],
        });
        for (const values of page.rows) yield decode(values);
        if (page.rows.length < fetchRows) return;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // After a failure the transaction is gone, and the cursor with it.
      if (!failed)
        await executor.execute({ ...statement, prepare: false, text: `CLOSE ${cursor}`, values: [] });
    }
  }
  return Object.assign(run, { definition, query }) as IterQuery<P, Row>;
}
