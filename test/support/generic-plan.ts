import type { Client } from 'pg';

/** The plan that a prepared statement comes to after a few runs, whatever its values. */
export async function genericPlan(client: Client, text: string): Promise<string> {
  await client.query('SET plan_cache_mode = force_generic_plan');
  await client.query(`PREPARE planned AS ${text}`);
  try {
    const { rows } = await client.query(
      "SELECT cardinality(parameter_types) AS count FROM pg_prepared_statements WHERE name = 'planned'",
    );
    const values = Array.from({ length: rows[0].count }, () => 'NULL').join(', ');
    const answer = await client.query(`EXPLAIN EXECUTE planned${values && `(${values})`}`);
    return answer.rows.map((row) => row['QUERY PLAN']).join('\n');
  } finally {
    await client.query('DEALLOCATE planned');
    await client.query('RESET plan_cache_mode');
  }
}
