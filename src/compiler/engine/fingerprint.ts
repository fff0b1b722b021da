import type pg from 'pg';
import { digest } from '../manifest.ts';

/** Settings that belong to a session or a moment, not to a server. */
const passing =
  /^(session_id|database|node_id|tracing|application_name|in_hot_standby|transaction_.*|crdb_version)$/;

/**
 * What, beside its version and the schema, decides how a server understands a statement: its settings
 * (`default_int_size`, `transform_null_equals`, ...) and the extensions that a migration can create.
 */
export async function fingerprint(client: pg.Client, cockroach: boolean): Promise<string> {
  const rows = async (text: string) => (await client.query<unknown[]>({ text, rowMode: 'array' })).rows;
  const settings = (await rows('SHOW ALL')).filter(([name]) => !passing.test(String(name)));
  const extensions = cockroach
    ? []
    : await rows('SELECT name, default_version FROM pg_catalog.pg_available_extensions ORDER BY name');
  return digest(JSON.stringify([settings.map(([name, value]) => [name, value]), extensions]));
}
