import type { AnalyzedQuery } from './analyzed.ts';
import { withoutSystemTime } from './cockroach/dialect.ts';
import type { CompileDatabase, Engine } from './engine/engine.ts';
import { replaceParameters } from './source/replace-parameters.ts';

/** A node of PostgreSQL's plan as `EXPLAIN (FORMAT JSON)` gives it. */
export type PlanNode = Readonly<Record<string, unknown>>;

/** Whether the engine plans the statement without values for its parameters. */
export function canPlan(query: Pick<AnalyzedQuery, 'params'>, engine: Engine): boolean {
  return query.params.length === 0 || (!engine.cockroach && engine.serverVersion >= 160_000);
}

/** A text that each of these types reads, by the beginning of the type's name. */
const SAMPLES: readonly (readonly [type: RegExp, text: string])[] = [
  [/\[\]$/, '{}'],
  [/^(int|big|small|serial|numeric|decimal|float|double|real|oid)/, '1'],
  [/^bool/, 'true'],
  [/^uuid/, '00000000-0000-4000-8000-000000000000'],
  [/^(timestamp|date)/, '2000-01-01'],
  [/^interval/, '1 hour'],
  [/^time/, '12:00:00'],
  [/^json/, '{}'],
  [/^(text|string|varchar|character|char|bpchar|name|bytea|bytes)/, 'a'],
];

/**
 * The statement with a value of its type for each parameter, for engines that plan nothing without. Undefined
 * when there is a type of which no value is known.
 */
export function sampleText(query: AnalyzedQuery, engine: Engine): string | undefined {
  const text = engine.cockroach ? withoutSystemTime(query.text) : query.text;
  return replaceParameters(text, (number) => {
    const type = query.params[number - 1]?.sqlType;
    const sample = SAMPLES.find(([pattern]) => type !== undefined && pattern.test(type))?.[1];
    return sample === undefined ? undefined : `CAST('${sample}' AS ${type})`;
  });
}

/**
 * The plan that PostgreSQL makes of a query when indexes that can serve do serve, however few rows there are:
 * the database that queries are compiled in is empty. Undefined where there is none to be had.
 */
export async function indexPlan(
  query: Pick<AnalyzedQuery, 'text' | 'params'>,
  database: CompileDatabase,
): Promise<PlanNode | undefined> {
  if (database.engine.cockroach || !canPlan(query, database.engine)) return undefined;
  const generic = query.params.length > 0 ? 'GENERIC_PLAN, ' : '';
  await database.query('BEGIN');
  try {
    await database.query('SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off');
    const rows = await database.query(`EXPLAIN (${generic}VERBOSE, COSTS OFF, FORMAT JSON) ${query.text}`);
    const [plan] = JSON.parse(rows[0]?.[0] ?? '[]') as { Plan?: PlanNode }[];
    return plan?.Plan;
  } catch {
    return undefined;
  } finally {
    await database.query('ROLLBACK');
  }
}

/** A node and all below it. */
export function* planNodes(node: PlanNode): Generator<PlanNode> {
  yield node;
  const { Plans: below } = node;
  if (Array.isArray(below)) for (const child of below as PlanNode[]) yield* planNodes(child);
}
