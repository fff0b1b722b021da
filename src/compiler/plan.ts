import type { AnalyzedQuery } from './analyzed.ts';
import type { CompileDatabase, Engine } from './engine/engine.ts';

/** A node of PostgreSQL's plan as `EXPLAIN (FORMAT JSON)` gives it. */
export type PlanNode = Readonly<Record<string, unknown>>;

/** Whether the engine plans the statement without values for its parameters. */
export function canPlan(query: AnalyzedQuery, engine: Engine): boolean {
  return query.params.length === 0 || (!engine.cockroach && engine.serverVersion >= 160_000);
}

/**
 * The plan that PostgreSQL makes of a query when indexes that can serve do serve, however few rows there are:
 * the database that queries are compiled in is empty. Undefined where there is none to be had.
 */
export async function indexPlan(
  query: AnalyzedQuery,
  database: CompileDatabase,
): Promise<PlanNode | undefined> {
  if (database.engine.cockroach || !canPlan(query, database.engine)) return undefined;
  const generic = query.params.length > 0 ? 'GENERIC_PLAN, ' : '';
  await database.query('BEGIN');
  try {
    await database.query('SET LOCAL enable_seqscan = off');
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
