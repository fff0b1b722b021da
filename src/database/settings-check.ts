import { ConnectError } from '../base/index.ts';
import type { Address } from './connection-url.ts';
import { askSimply } from './engine.ts';
import type { Pool } from './pool.ts';
import { mendingSettings, NEEDED_SETTINGS } from './startup.ts';

/**
 * A pooler follows few of the settings that a connection asks for: the others are the database's and the role's. Throws
 * ConnectError `settings` with the SQL that mends one by which values would be read wrongly, or statements understood
 * otherwise. One round trip.
 */
export async function checkSettings(pool: Pool, address: Address, withinMs: number): Promise<void> {
  const { rows } = await pool.use({}, (connection) => askSimply(connection, NEEDED_SETTINGS, withinMs));
  const mending = mendingSettings(rows[0] ?? [], address);
  if (mending !== undefined)
    throw new ConnectError(
      'settings',
      `a pooler stands before the server, and settings on which values depend cannot be set through it: ${mending}; then let the pooler open its connections anew`,
    );
}
