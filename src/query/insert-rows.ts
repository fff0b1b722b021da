import { encodeParam, rowDecoder } from './build.ts';
import { listDelimiter } from './codec.ts';
import { arrayText } from './composite-text.ts';
import type { QueryDefinition } from './definition.ts';
import { derive, promised } from './remembered.ts';
import type { Executor } from './statement.ts';

/** An INSERT of many rows in one statement: each parameter travels as an array of its column. */
export interface InsertRows<P, Result> {
  /** No rows, no round trip. */
  (executor: Executor, rows: readonly P[]): Promise<Result>;
  readonly definition: QueryDefinition;
}

function columnsOf<P>(definition: QueryDefinition, rows: readonly P[]): string[] {
  return definition.params.map((_, i) =>
    arrayText(
      rows.map((row) => encodeParam(definition, i, row as Readonly<Record<string, unknown>>)),
      listDelimiter(definition.params[i]![1]),
    ),
  );
}

/** `:copyfrom`: gives the number of rows inserted. */
export function insertRows<P>(definition: QueryDefinition): InsertRows<P, number> {
  const { name, text, operation, collection } = definition;
  const run = (executor: Executor, rows: readonly P[]) =>
    promised(() => {
      if (rows.length === 0) return Promise.resolve(0);
      const values = columnsOf(definition, rows);
      const sent = executor.execute({ text, name, operation, collection, values });
      return derive(sent, ({ rowCount }) => rowCount);
    });
  return Object.assign(run, { definition });
}

/** `:copyfrom` with RETURNING: gives what was returned. The order of the rows is the server's affair. */
export function insertRowsReturning<P, Row>(definition: QueryDefinition): InsertRows<P, Row[]> {
  const { name, text, operation, collection } = definition;
  const decode = rowDecoder<Row>(definition);
  const run = (executor: Executor, rows: readonly P[]) =>
    promised(() => {
      if (rows.length === 0) return Promise.resolve([]);
      const values = columnsOf(definition, rows);
      const sent = executor.execute({ text, name, operation, collection, values });
      return derive(sent, (raw) => raw.rows.map(decode));
    });
  return Object.assign(run, { definition });
}
