import { HoldfastError } from '../errors/index.ts';
import type { Codec } from './codec.ts';
import type { Executor, RawResult, Statement } from './statement.ts';

/** The half of a codec that a parameter needs. */
export type Encoder = Pick<Codec<never>, 'type' | 'encode'>;
/** A parameter: field name of the parameter object, its codec, whether null is allowed. */
export type ParamSpec = readonly [field: string, codec: Encoder, nullable?: 'null'];
/** A column: field name of the row object, its codec, whether it can be null. */
export type ColumnSpec = readonly [field: string, codec: Codec<unknown>, nullable?: 'null'];

/** Parameters of a query that takes none. */
export type NoParams = Readonly<Record<never, never>>;

/** What the compiler writes down for one query. */
export interface QueryDefinition {
  readonly name: string;
  readonly text: string;
  readonly operation?: string;
  readonly collection?: string;
  readonly params: readonly ParamSpec[];
  readonly columns: readonly ColumnSpec[];
}

/** A compiled query: call it with whatever runs it. The parts are there for batches and for telemetry. */
export interface CompiledQuery<P, Row, Result> {
  (executor: Executor, ...params: keyof P extends never ? [] : [params: P]): Promise<Result>;
  readonly definition: QueryDefinition;
  /** Encodes the parameters; throws InvalidParameterError naming the query and the field. */
  statement(params: P): Statement;
  decodeRows(raw: RawResult): Row[];
  result(raw: RawResult): Result;
}

/** A query returned another number of rows than its annotation promises. */
export class RowCountError extends HoldfastError {
  readonly code = 'HOLDFAST_ROW_COUNT';
}

/** A parameter is missing, null where null is not allowed, or of the wrong shape. */
export class InvalidParameterError extends HoldfastError {
  readonly code = 'HOLDFAST_INVALID_PARAMETER';
}

function encodeParams(definition: QueryDefinition, params: Readonly<Record<string, unknown>>) {
  return definition.params.map(([field, codec, nullable]) => {
    const value = params[field];
    if (value === null || value === undefined) {
      if (nullable) return null;
      throw new InvalidParameterError(`${definition.name}: parameter ${field} is missing`);
    }
    try {
      return codec.encode(value as never);
    } catch (cause) {
      throw new InvalidParameterError(`${definition.name}: parameter ${field} is not a valid ${codec.type}`, {
        cause,
      });
    }
  });
}

function build<P, Row, Result>(
  definition: QueryDefinition,
  toResult: (raw: RawResult, decode: (raw: RawResult) => Row[]) => Result,
): CompiledQuery<P, Row, Result> {
  const { name, text, operation, collection, columns } = definition;
  const statement = (params: P): Statement => ({
    text,
    name,
    operation,
    collection,
    values: encodeParams(definition, (params ?? {}) as Readonly<Record<string, unknown>>),
  });
  const decodeRows = (raw: RawResult): Row[] =>
    raw.rows.map((values) => {
      const row: Record<string, unknown> = {};
      for (let i = 0; i < columns.length; i++) {
        const [field, codec] = columns[i]!;
        const value = values[i]!;
        row[field] = value === null ? null : codec.decode(value);
      }
      return row as Row;
    });
  const result = (raw: RawResult) => toResult(raw, decodeRows);
  const run = async (executor: Executor, params?: P) =>
    result(await executor.execute(statement(params as P)));
  return Object.assign(run, { definition, statement, decodeRows, result }) as CompiledQuery<P, Row, Result>;
}

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
