import type pg from 'pg';
import { withAdmin } from './admin.ts';

const isCockroach = async (client: pg.Client) =>
  String((await client.query('SELECT version() AS version')).rows[0].version).includes('CockroachDB');

/** Ends every connection that has this application name, as an operator would. Gives how many. */
export async function killConnections(url: string, applicationName: string): Promise<number> {
  return withAdmin(url, async (client) => {
    if (!(await isCockroach(client))) {
      const killed = await client.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
        [applicationName],
      );
      return killed.rowCount ?? 0;
    }
    const sessions = await client.query(
      'SELECT session_id FROM crdb_internal.node_sessions WHERE application_name = $1',
      [applicationName],
    );
    for (const { session_id } of sessions.rows)
      await client.query(`CANCEL SESSION IF EXISTS '${session_id}'`);
    return sessions.rows.length;
  });
}

/** Cancels whatever runs on them, and leaves them open. Gives how many. */
export async function cancelQueries(url: string, applicationName: string): Promise<number> {
  return withAdmin(url, async (client) => {
    if (!(await isCockroach(client))) {
      const canceled = await client.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'",
        [applicationName],
      );
      return canceled.rowCount ?? 0;
    }
    const queries = await client.query(
      'SELECT query_id FROM crdb_internal.node_queries WHERE application_name = $1',
      [applicationName],
    );
    // It may have ended by now, which CANCEL QUERY calls an error.
    for (const { query_id } of queries.rows)
      await client.query(`CANCEL QUERY IF EXISTS '${query_id}'`).catch(() => {});
    return queries.rows.length;
  });
}
