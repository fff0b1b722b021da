import { withAdmin } from './admin.ts';

/** What an operator says to all that has an application name, on either engine. */
interface Order {
  readonly postgresql: string;
  /** Lists the ids, which `cancel` then names one by one. */
  readonly cockroachdb: string;
  readonly cancel: (id: string) => string;
}

/** Ends every connection that has this application name, as an operator would. Gives how many. */
export const killConnections = (url: string, applicationName: string): Promise<number> =>
  give(url, applicationName, {
    postgresql: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
    cockroachdb: 'SELECT session_id AS id FROM crdb_internal.node_sessions WHERE application_name = $1',
    cancel: (id) => `CANCEL SESSION IF EXISTS '${id}'`,
  });

/** Cancels whatever runs on them, and leaves them open. Gives how many. */
export const cancelQueries = (url: string, applicationName: string): Promise<number> =>
  give(url, applicationName, {
    postgresql:
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'",
    cockroachdb: 'SELECT query_id AS id FROM crdb_internal.node_queries WHERE application_name = $1',
    cancel: (id) => `CANCEL QUERY IF EXISTS '${id}'`,
  });

function give(url: string, applicationName: string, order: Order): Promise<number> {
  return withAdmin(url, async (client) => {
    const { rows } = await client.query('SELECT version() AS version');
    if (!String(rows[0].version).includes('CockroachDB'))
      return (await client.query(order.postgresql, [applicationName])).rowCount ?? 0;
    const listed = await client.query(order.cockroachdb, [applicationName]);
    for (const { id } of listed.rows)
      await client.query(order.cancel(id)).catch((error: Error) => {
        // One that has ended by now is called an error all the same.
        if (!/not found/.test(error.message)) throw error;
      });
    return listed.rows.length;
  });
}
