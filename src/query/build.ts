import { HoldfastError, MisuseError, valueNamed } from '../base/index.ts';
import type { BoundQuery } from './bound-query.ts';
import { isJson, listDelimiter } from './codec.ts';
import { arrayText } from './composite-text.ts';
import type { ParamSpec, QueryDefinition } from './definition.ts';
import { statementText } from './dynamic.ts';
import { derive, promised } from './remembered.ts';
import type { Executor, RawResult, Statement } from './statement.ts';

/** No argument for a query without parameters; one that may be left out when every field may. */
export type ParamsArgument<P> = keyof P extends never
  ? []
  : Record<never, never> extends P
    ? [params?: P]
    : [params: P];

/** A compiled query: call it with whatever runs it. The parts are there for batches and for telemetry. */
export interface CompiledQuery<P, Row, Result> {
  (executor: Executor, ...params: ParamsArgument<P>): Promise<Result>;
  readonly definition: QueryDefinition;
  /** Encodes the parameters; throws MisuseError naming the query and the field. */
  statement(params: P): Statement;
  decodeRows(raw: RawResult): Row[];
  result(raw: RawResult): Result;
  /** The query together with its parameters, for a batch. */
  with(...params: ParamsArgument<P>): BoundQuery<Result>;
}

/** A query returned another number of rows than its annotation promises. */
export class RowCountError extends HoldfastError {
  readonly code = 'HOLDFAST_ROW_COUNT';
}

/** A column's value is not what its type promises: the schema and the compiled query have parted. */
export class InvalidColumnError extends HoldfastError {
  readonly code = 'HOLDFAST_INVALID_COLUMN';
}

type Fields = Readonly<Record<string, unknown>>;

/** Encodes one parameter of a set. */
export function encodeParam(
  { name, params: specs }: Pick<QueryDefinition, 'name' | 'params'>,
  index: number,
  params: Fields,
): string | null {
  const spec = specs[index]!;
  const value = valueNamed(params, spec[0]);
  if (value === undefined && spec[0].includes('.')) return encodeInside(name, spec, params);
  return encodeValue(name, spec[0], spec, value);
}

function encodeValue(
  name: string,
  field: string,
  [, codec, nullable]: ParamSpec,
  value: unknown,
): string | null {
  if (value === undefined || (value === null && (nullable || !isJson(codec)))) {
    if (nullable) return null;
    throw new MisuseError('HOLDFAST_INVALID_PARAMETER', `${name}: parameter ${field} is missing`);
  }
  try {
    return codec.encode(value as never);
  } catch (cause) {
    throw new MisuseError(
      'HOLDFAST_INVALID_PARAMETER',
      `${name}: parameter ${field} is not a valid ${codec.type}`,
      {
        cause,
      },
    );
  }
}

/** A field of an object, `user.name`, or of each object of a list, `users[].name`. */
function encodeInside(name: string, spec: ParamSpec, params: Fields): string | null {
  const [path, field = ''] = spec[0].split('.');
  const owner = path!.replace('[]', '');
  const value = valueNamed(params, owner);
  const isList = owner !== path;
  if (typeof value !== 'object' || value === null || isList !== Array.isArray(value))
    throw new MisuseError(
      'HOLDFAST_INVALID_PARAMETER',
      `${name}: parameter ${owner} is ${value === undefined || value === null ? 'missing' : `not ${isList ? 'a list' : 'an object'}`}`,
    );
  if (!isList) return encodeValue(name, spec[0], spec, valueNamed(value as Fields, field));
  const texts = (value as readonly (Fields | null | undefined)[]).map((item, i) =>
    encodeValue(name, `${owner}[${i}].${field}`, spec, valueNamed(item ?? {}, field)),
  );
  return arrayText(texts, listDelimiter(spec[1]));
}

/** Gives a function from the values of a row to the row object. */
export function rowDecoder<Row>(definition: QueryDefinition): (values: readonly (string | null)[]) => Row {
  const { name, columns, embeds } = definition;
  const decodeColumn = (values: readonly (string | null)[], i: number): unknown => {
    const value = values[i];
    const [field, codec, nullable] = columns[i]!;
    if (value === null || value === undefined) {
      if (nullable) return null;
      throw new InvalidColumnError(`${name}: column ${field} is NULL, which it was proved never to be`);
    }
    try {
      return codec.decode(value);
    } catch (cause) {
      throw new InvalidColumnError(`${name}: column ${field} is not a valid ${codec.type}`, { cause });
    }
  };
  const object = (values: readonly (string | null)[], from: number, to: number) => {
    const row: Record<string, unknown> = {};
    for (let i = from; i < to; i++) row[columns[i]![0]] = decodeColumn(values, i);
    return row;
  };
  if (!embeds) return (values) => object(values, 0, columns.length) as Row;
  return (values) => {
    const row: Record<string, unknown> = {};
    let at = 0;
    for (const [field, from, to, nullable] of embeds) {
      Object.assign(row, object(values, at, from));
      const missing = nullable === 'null' && values.slice(from, to).every((value) => value === null);
      row[field] = missing ? null : object(values, from, to);
      at = to;
    }
    return Object.assign(row, object(values, at, columns.length)) as Row;
  };
}

/** Puts a compiled query together from its definition and from what its annotation makes of the rows. */
export function build<P, Row, Result>(
  definition: QueryDefinition,
  toResult: (raw: RawResult, decode: (raw: RawResult) => Row[]) => Result,
): CompiledQuery<P, Row, Result> {
  const { name, operation, collection } = definition;
  const statement = (given: P): Statement => {
    const params = (given ?? {}) as Readonly<Record<string, unknown>>;
    const { text, used } = statementText(definition, params);
    return { text, name, operation, collection, values: used.map((i) => encodeParam(definition, i, params)) };
  };
  const decodeRow = rowDecoder<Row>(definition);
  const decodeRows = (raw: RawResult): Row[] => raw.rows.map(decodeRow);
  const result = (raw: RawResult) => toResult(raw, decodeRows);
  const run = (executor: Executor, params?: P) =>
    promised(() => derive(executor.execute(statement(params as P)), result));
  return Object.assign(run, {
    definition,
    statement,
    decodeRows,
    result,
    with: (params?: P) => ({ statement: statement(params as P), result }),
  }) as CompiledQuery<P, Row, Result>;
}
