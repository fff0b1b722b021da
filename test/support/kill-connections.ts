import { withAdmin } from './admin.ts';

/** Ends every connection that has this application name, as an operator would. Gives how many. */
export async function killConnections(url: string, applicationName: string): Promise<number> {
  return withAdmin(url, async (client) => {
    const { rows } = await client.query('SELECT version() AS version');
    if (!String(rows[0].version).includes('CockroachDB')) {
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
