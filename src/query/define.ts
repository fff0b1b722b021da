import { build, type CompiledQuery, RowCountError } from './build.ts';
import type { QueryDefinition } from './definition.ts';

/** `:one`: exactly one row, or RowCountError. */
export function one<P, Row>(definition: QueryDefinition): CompiledQuery<P, Row, Row> {
  return build<P, Row, Row>(definition, (raw, decode) => {
    const rows = decode(raw);
    if (rows.length !== 1)
      throw new RowCountError(`${definition.name}: expected one row, got ${rows.length}`);
    return rows[0] as Row;
  });
}

/** `:maybe`: zero rows give undefined, one gives the row, more are a RowCountError. */
export function maybe<P, Row>(definition: QueryDefinition): CompiledQuery<P, Row, Row | undefined> {
  return build<P, Row, Row | undefined>(definition, (raw, decode) => {
    const rows = decode(raw);
    if (rows.length > 1)
      throw new RowCountError(`${definition.name}: expected at most one row, got ${rows.length}`);
    return rows[0];
  });
}

/** `:many`: every row, in the order that the query gives. */
export function many<P, Row>(definition: QueryDefinition): CompiledQuery<P, Row, Row[]> {
  return build<P, Row, Row[]>(definition, (raw, decode) => decode(raw));
}

/** `:exec`: nothing comes back. */
export function exec<P>(definition: QueryDefinition): CompiledQuery<P, never, void> {
  return build<P, never, void>(definition, () => undefined);
}

/** `:execrows`: how many rows the statement touched. */
export function execRows<P>(definition: QueryDefinition): CompiledQuery<P, never, number> {
  return build<P, never, number>(definition, (raw) => raw.rowCount);
}
